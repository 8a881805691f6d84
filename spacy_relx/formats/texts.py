"""Texts that a pipeline is to read: lines of .txt and .jsonl files, rows of Parquet, Docs of .spacy files."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable, Literal, NamedTuple

from ..data.files import bounded_lines, open_binary
from ..data.ids import document_id
from ..data.storage import COVER, FACT_SCORES, FACTS, put
from ..data.text_forms import surrogate_fault
from ..errors import RelxError, sentence, warn
from .records import is_lang_code, load_json

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

#: Longest line that is read, in bytes.
MAX_LINE = 1 << 28


#: What to do with what cannot be used: stop, or leave it out.
OnError = Literal["raise", "skip"]


class Text(NamedTuple):
    """One input: its id, where it stands (file:line), the text, its language, and the Doc where there is one."""

    id: Any
    where: str
    text: str
    lang: str
    doc: Doc | None = None


class Broken(NamedTuple):
    """An input that cannot be used: its id as far as that is known, where it stands, and why."""

    id: Any
    where: str
    reason: str


class Fields(NamedTuple):
    """The names of what is read of an object of JSON, or of a row of a table."""

    text: str = "text"
    id: str = "id"
    lang: str = "lang"


FIELDS = Fields()
#: (line, its number or None, where) -> its text, or why it has none. Raises ValueError, too.
Parse = Callable[[str, "int | None", str], "Text | Broken"]


def doc_of(nlp: Language, item: Text) -> Doc:
    """The Doc to run a pipeline over. One that comes from a file keeps its mentions and loses its relations, its facts
    and what their annotation covers, which must not pass for predictions."""
    doc = item.doc if item.doc is not None else nlp.make_doc(item.text)
    doc._.relations = []
    for name in (FACTS, FACT_SCORES, COVER):
        put(doc, name, None)
    if item.lang:
        doc._.lang = item.lang
    return doc


def docs_or_errors(nlp: Language, items: Sequence[Text]) -> list[Doc | Exception]:
    """Run the pipeline over texts: the Doc of each, or the error that it raises.

    Those without a Doc, since their batch fails or an error handler of the pipeline's own leaves them out, are tried
    again in halves: one bad text costs about 2 log2(n) batches more, and takes no other with it.
    """
    too_long = f"the text is longer than {nlp.max_length} characters, the pipeline's max_length"
    found: list[Any] = [ValueError(too_long) if len(item.text) > nlp.max_length else None for item in items]
    error: Exception = RuntimeError("the pipeline left it out")
    try:
        docs = ((doc_of(nlp, item), number) for number, item in enumerate(items) if found[number] is None)
        for doc, number in nlp.pipe(docs, as_tuples=True, batch_size=max(1, len(items))):
            found[number] = doc
    except Exception as err:  # whatever components raise, MemoryError too
        error = err
    lost = [number for number, each in enumerate(found) if each is None]
    if len(items) == 1:
        return [error] if lost else found
    for part in (lost[: len(lost) // 2], lost[len(lost) // 2 :]):
        for number, each in zip(part, docs_or_errors(nlp, [items[number] for number in part]) if part else ()):
            found[number] = each
    return found


class LeftOut:
    """Counts inputs that are left out. n: how many. first: where the first stood, and why it was left out.

    code: of the warning that says so.
    """

    def __init__(self, code: str = "RX184") -> None:
        self.code = code
        self.n = 0
        self.first = ("", "")

    def add(self, where: str, reason: str) -> None:
        self.first = self.first if self.n else (where, reason)
        self.n += 1

    def report(self) -> None:
        """WARNS: the code, where there were any."""
        if self.n:
            warn(self.code, n=self.n, where=self.first[0], reason=self.first[1])


def read_texts(source: str, vocab: Vocab, on_error: OnError = "raise", *, tell_blank: bool = False) -> Iterator[Text]:
    """Stream the texts of a .txt, .jsonl or .spacy file, or of the lines of standard input ("-").

    Empty lines are passed over; the id of a text is the one given, else its line (in a .spacy file its place), from 1.
    RAISES: RelxError RX182 for another file, RX183 for a broken line, RX132 for a broken .spacy file.
    WARNS: RX184, at the end, where on_error is skip and lines were left out; with tell_blank, for empty lines too.
    """
    blank = LeftOut()
    if source == "-":
        items = parse_lines(nullcontext(sys.stdin.buffer), "standard input", plain_text, blank=blank)
        return _all_but_broken(items, on_error, blank if tell_blank else None)
    path = Path(source)
    if not path.exists():
        raise RelxError("RX120", path=source)
    if path.is_dir():
        raise RelxError("RX182", path=source, reason="it is a folder.")
    if path.suffix == ".spacy":
        return _all_but_broken(read_doc_texts(path, vocab), on_error, None)
    parse = line_parser(path)
    if parse is None:
        raise RelxError("RX182", path=source, reason=f"files that end in '{path.suffix}' are not known.")
    items = parse_lines(open_binary(path), str(path), parse, blank=blank)
    return _all_but_broken(items, on_error, blank if tell_blank else None)


def _all_but_broken(items: Iterator[Text | Broken], on_error: OnError, blank: LeftOut | None) -> Iterator[Text]:
    broken = LeftOut()
    for item in items:
        if isinstance(item, Text):
            yield item
        elif on_error == "raise":
            raise RelxError("RX183", where=item.where, reason=item.reason)
        else:
            broken.add(item.where, item.reason)
    broken.report()
    if blank is not None:
        blank.report()


def read_doc_texts(path: Path, vocab: Vocab, *, numbered: bool = True) -> Iterator[Text | Broken]:
    """The Docs of a .spacy file, or of all in a folder. numbered: the place of one without an id is its id, else None.

    RAISES: RelxError RX131 (no file), RX132 (a broken one).
    """
    from .docbin import read_docs
    from .reader import corpus_files

    docs = (doc for file in corpus_files(path) for doc in read_docs(file, vocab))
    for number, doc in enumerate(docs, start=1):
        where = f"{path}, document {number}"
        try:
            id = document_id(doc.user_data.get("id"))
        except ValueError as err:
            yield Broken(None, where, sentence(err))
            continue
        yield Text(number if id is None and numbered else id, where, doc.text, doc._.lang, doc)


def parse_lines(
    opened: AbstractContextManager[IO[bytes]],
    name: str,
    parse: Parse,
    *,
    first: int = 1,
    end: int | None = None,
    blank: LeftOut | None = None,
) -> Iterator[Text | Broken]:
    """The texts of the lines of a stream; empty lines are passed over.

    name: of the stream, for places. first: number of its first line. end: the byte that ends what is read, None for
    all. blank: counts the empty lines. A line is read whole or not at all; of one longer than `MAX_LINE` only so much
    is in memory.
    RAISES: RelxError RX182 for what cannot be read at all.
    """
    with opened as stream:
        for number, raw in enumerate(_raw_lines(stream, name, end), start=first):
            where = f"{name}:{number}"
            try:
                if len(raw) > MAX_LINE:
                    raise ValueError(f"the line has more than {MAX_LINE} bytes")
                line = raw.decode("utf-8").removeprefix("\ufeff").rstrip("\r\n")
                item: Text | Broken | None = parse(line, number, where) if line.strip() else None
            except (ValueError, RecursionError) as err:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
                item = Broken(None, where, sentence(err))
            if item is not None:
                yield item
            elif blank is not None:
                blank.add(where, "the line is blank.")


def _raw_lines(stream: IO[bytes], name: str, end: int | None) -> Iterator[bytes]:
    try:
        yield from bounded_lines(stream, MAX_LINE, end)
    except (OSError, EOFError, zlib.error) as err:  # of the system, or of a .gz file that is cut or is none
        raise RelxError("RX182", path=name, reason=sentence(err)) from err


def line_parser(path: Path, fields: Fields = FIELDS) -> Parse | None:
    """What reads the lines of such a file, .txt or .jsonl, with .gz behind it or not; None for another file."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".txt":
        return plain_text
    if suffix == ".jsonl":
        return lambda line, number, where: item_of_row(load_json(line), number, where, fields)
    return None


def plain_text(line: str, number: int | None, where: str) -> Text:
    """A line as it is, in an unknown language."""
    return Text(number, where, line, "")


def text_of_row(row: Any, number: int | None, where: str, fields: Fields = FIELDS) -> Text:
    """The text of an object with a text, and a language where it is known. number: the id of one without an id, for
    which null and "" stand as well.

    RAISES: ValueError.
    """
    if not isinstance(row, Mapping) or fields.text not in row:
        raise ValueError(f'the line must be an object with a string "{fields.text}"')
    text = row[fields.text]
    if not isinstance(text, str):
        raise ValueError(f'"{fields.text}" must be a string, but is {text!r:.60}')
    if fault := surrogate_fault(text):
        raise ValueError(f'"{fields.text}" is no text, {fault}')
    lang = row.get(fields.lang)
    if not isinstance(lang, (str, type(None))):
        raise ValueError(f'"{fields.lang}" must be a string such as "en", but is {lang!r}')
    if lang and not is_lang_code(lang):
        raise ValueError(f'"{fields.lang}" must be a language code such as "en" or "pt-BR", but is {lang!r}')
    id = document_id(row.get(fields.id))
    return Text(number if id is None else id, where, text, lang or "")


def item_of_row(row: Any, number: int | None, where: str, fields: Fields = FIELDS) -> Text | Broken:
    """The same, or why there is none, with the id as far as there is one."""
    try:
        return text_of_row(row, number, where, fields)
    except ValueError as err:
        id = row.get(fields.id, number) if isinstance(row, Mapping) else number
        return Broken(id, where, sentence(err))


def annotate(
    nlp: Language, texts: Iterator[Text], *, batch_size: int | None = None, on_error: OnError = "raise"
) -> Iterator[tuple[Text, Doc]]:
    """Run the pipeline over a stream of texts, in bounded memory.

    RAISES: RelxError RX183 for a text longer than `nlp.max_length`. WARNS: RX184 where such texts were left out.
    """
    left_out = LeftOut()
    reason = f"the text is longer than {nlp.max_length} characters, the pipeline's max_length."

    def docs() -> Iterator[tuple[Doc, Text]]:
        for item in texts:
            if len(item.text) > nlp.max_length:
                if on_error == "raise":
                    raise RelxError("RX183", where=item.where, reason=reason)
                left_out.add(item.where, reason)
                continue
            yield doc_of(nlp, item), item._replace(doc=None)

    for doc, item in nlp.pipe(docs(), as_tuples=True, batch_size=batch_size):
        yield item, doc
    left_out.report()
