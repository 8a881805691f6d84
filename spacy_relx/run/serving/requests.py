"""What may be asked: the bounds of a request, and how its body is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...data.ids import document_id
from ...data.text_forms import surrogate_fault
from ...errors import RelxError, RequestError, sentence
from ...formats.records import is_lang_code, load_json
from ...formats.texts import Broken, Text

#: Longest id that is given back, and longest language code that is taken, in characters.
MAX_ID, MAX_LANG = 1000, 35
#: Longest reason that is given, in characters: it may quote the request.
_MAX_REASON = 300
_KEYS = {"text", "lang", "id"}
#: Bytes of a character of a text, as JSON escapes most of them (\\u6771); an emoji may take two of these.
_CHAR_BYTES = 6
#: Bytes of a text beside its characters.
_TEXT_BYTES = _CHAR_BYTES * (MAX_ID + MAX_LANG) + 100


class Refusal(RequestError):
    """A request that gets an error for an answer. status: of HTTP. headers: of the answer, besides the usual ones."""

    def __init__(self, status: int, code: str, headers: dict[str, str] | None = None, **values: Any):
        super().__init__(code, **values)
        self.status = status
        self.headers = headers


@dataclass(frozen=True)
class Limits:
    """Bounds of requests, checked before any work is done.

    max_texts: texts of a request. max_chars: characters of a text; a pipeline's `max_length` bounds them too.
    max_total: characters of all texts of a request. max_waiting: requests that may wait while one is worked on.
    RAISES: RelxError RX021 for a number that is too small.
    """

    max_texts: int = 64
    max_chars: int = 100_000
    max_total: int = 1_000_000
    max_waiting: int = 16

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name == "max_waiting" else 1
            if not isinstance(value, int) or value < least:
                raise RelxError("RX021", name=name, value=value, need=f"a whole number from {least}")

    @property
    def max_bytes(self) -> int:
        """Bytes of the body of a request."""
        return _CHAR_BYTES * self.max_total + _TEXT_BYTES * self.max_texts + 100

    def to_dict(self) -> dict[str, int]:
        return {**asdict(self), "max_bytes": self.max_bytes}


def read_request(body: bytes, limits: Limits) -> list[Text | Broken]:
    """The texts of a request, in their order; of a text that cannot be taken, what is wrong with it.

    A text without an id, for which null and "" stand as well, has its place for one, from 0.
    RAISES: Refusal with the status 422 (RX420, what is not as described) or 413 (RX421, too much).
    """
    try:
        data = load_json(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as err:  # not UTF-8, not JSON, a key twice, nested too deeply
        raise _malformed(sentence(f"it is not JSON in UTF-8: {err}")) from err
    if not isinstance(data, dict) or not isinstance(data.get("texts"), list):
        raise _malformed('the body must be an object with a list "texts".')
    _check_keys(data, {"texts"}, "the body")
    rows = data["texts"]
    if len(rows) > limits.max_texts:
        raise Refusal(413, "RX421", n=len(rows), what="texts", limit=limits.max_texts)
    items = [_read_item(row, number, limits.max_chars) for number, row in enumerate(rows)]
    total = sum(map(_length, rows))
    if total > limits.max_total:
        raise Refusal(413, "RX421", n=total, what="characters in all texts", limit=limits.max_total)
    return items


def _read_item(row: Any, number: int, max_chars: int) -> Text | Broken:
    where = f"texts[{number}]"
    if isinstance(row, str):
        row = {"text": row}
    if not isinstance(row, dict):
        raise _malformed(f"{where} must be a string, or an object.")
    _check_keys(row, _KEYS, where)
    text, lang = row.get("text"), row.get("lang")
    if not isinstance(text, str):
        raise _malformed(f'{where} must have a string "text".')
    if not isinstance(lang, (str, type(None))):
        raise _malformed(f'{where}: "lang" must be a string such as "en", or null.')
    try:
        given = document_id(row.get("id"))
    except ValueError as err:
        raise _malformed(sentence(f'{where}, "id": {err}')) from err
    if isinstance(given, str) and len(given) > MAX_ID:
        raise _malformed(f'{where}: "id" must have at most {MAX_ID} characters.')
    id = number if given is None else given
    fault = _text_fault(text, max_chars) or _lang_fault(lang or "")
    return Broken(id, where, fault) if fault else Text(id, where, text, lang or "")


def _text_fault(text: str, max_chars: int) -> str:
    if not text or text.isspace():
        return "it is blank."
    if len(text) > max_chars:
        return f"it has {len(text)} characters, more than {max_chars}."
    fault = surrogate_fault(text)
    return sentence(f"it is no text, {fault}") if fault else ""


def _lang_fault(lang: str) -> str:
    if lang and (len(lang) > MAX_LANG or not is_lang_code(lang)):
        return f'its language must be a code such as "en" or "pt-BR", but is {lang[:MAX_LANG]!r}.'
    return ""


def _length(row: Any) -> int:
    return len(row if isinstance(row, str) else row["text"])


def _check_keys(row: dict[str, Any], known: set[str], where: str) -> None:
    """RAISES: Refusal RX420 for a key that means nothing: it may be a misspelt one."""
    unknown = next((key for key in row if key not in known), None)
    if unknown is not None:
        raise _malformed(f"{where} has the key {unknown[:80]!r}, which means nothing here.")


def _malformed(reason: str) -> Refusal:
    return Refusal(422, "RX420", reason=reason if len(reason) <= _MAX_REASON else reason[:_MAX_REASON] + "....")
