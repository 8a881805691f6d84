"""What may be asked: the bounds of a request, and how its body is read."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from ...data.text_forms import surrogate_fault
from ...errors import RelxError, RequestError, sentence
from ...formats.records import is_lang_code, load_json
from ...formats.texts import Broken, Text
from .models import MAX_ID, MAX_LANG, ExtractRequest, TextItem

#: Longest reason that is given, in characters: it may quote the request.
_MAX_REASON = 300
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

    Attributes:
        max_texts: Texts of a request.
        max_chars: Characters of a text; a pipeline's `max_length` bounds them too.
        max_total: Characters of all texts of a request.
        max_waiting: Requests that may wait while one is worked on.

    Raises:
        RelxError: RX021 for a number that is too small.
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
    try:
        rows = ExtractRequest.model_validate(data).texts
    except ValidationError as err:
        raise _malformed(_first_error(err)) from err
    if len(rows) > limits.max_texts:
        raise Refusal(413, "RX421", n=len(rows), what="texts", limit=limits.max_texts)
    total = sum(len(row.text) for row in rows)
    if total > limits.max_total:
        raise Refusal(413, "RX421", n=total, what="characters in all texts", limit=limits.max_total)
    return [_read_item(row, number, limits.max_chars) for number, row in enumerate(rows)]


def _read_item(row: TextItem, number: int, max_chars: int) -> Text | Broken:
    where, lang = f"texts[{number}]", row.lang or ""
    id = number if row.id is None else row.id
    fault = _text_fault(row.text, max_chars) or _lang_fault(lang)
    return Broken(id, where, fault) if fault else Text(id, where, row.text, lang)


def _first_error(err: ValidationError) -> str:
    """Where the body is not as described, and why: "texts[0].lang: Input should be a valid string."."""
    error = err.errors(include_url=False, include_input=False, include_context=False)[0]
    place = [f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in error["loc"][:3]]
    problem = re.sub("^Value error, | or instance of [A-Za-z]+$", "", error["msg"])
    return sentence(f"{''.join(place).lstrip('.') or 'the body'}: {problem}")


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


def _malformed(reason: str) -> Refusal:
    return Refusal(422, "RX420", reason=reason if len(reason) <= _MAX_REASON else reason[:_MAX_REASON] + "....")
