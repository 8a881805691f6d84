"""What all writers share: the annotations of a Doc as plain data, and files that appear only when they are whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from spacy.tokens import Doc

from ...data.extensions import get_lang, get_relations
from ...data.places import current_spans
from ...data.strict_json import dump_json
from ...data.types import MENTIONS_KEY, Mention, Relation
from ...errors import RelxError, warn
from ..records import UNTYPED


class Annotations(NamedTuple):
    """What a Doc is annotated with. mentions: in the order of the text, the longer first; relations: (index of the head
    in mentions, index of the tail, the relation). spans: of each mention in characters, end exclusive."""

    mentions: list[Mention]
    spans: list[tuple[int, int]]
    relations: list[tuple[int, int, Relation]]


def annotations_of(doc: Doc) -> Annotations:
    """The mentions in `doc.spans["mentions"]`, in `doc.ents` and in relations, each once, and the relations.

    A mention without a type becomes ENT.
    """
    relations = list(get_relations(doc))
    spans = current_spans([*doc.spans.get(MENTIONS_KEY, ()), *doc.ents])
    ends = [end for relation in relations for end in (relation.head, relation.tail)]
    found = {_typed(Mention.from_any(value)) for value in (*spans, *ends)}
    mentions = sorted(found, key=lambda one: (one.start, -one.end, one.label, one.kb_id))
    index = {mention: i for i, mention in enumerate(mentions)}
    pairs = [(index[_typed(one.head)], index[_typed(one.tail)], one) for one in relations]
    starts = [token.idx for token in doc]
    stops = [token.idx + len(token) for token in doc]
    return Annotations(mentions, [(starts[m.start], stops[m.end - 1]) for m in mentions], pairs)


def _typed(mention: Mention) -> Mention:
    return mention if mention.label else Mention(mention.start, mention.end, UNTYPED, mention.kb_id)


def head_of(doc: Doc) -> dict[str, Any]:
    """ "id" and "lang" of a Doc, where it has any."""
    values = {"id": doc.user_data.get("id"), "lang": get_lang(doc)}
    return {key: value for key, value in values.items() if value not in (None, "") and isinstance(value, (str, int))}


def to_json(value: Any, ascii_only: bool = False) -> str:
    return dump_json(value, ascii_only=ascii_only)


class Writer:
    """Write Docs for a tool, as a context manager: leaving it normally puts the output in its place, leaving it by an
    error leaves what was there.

    output: a file, or a folder that is new or empty. name: of the pipeline whose predictions these are.
    count: Docs written. Texts of nothing but blanks, which no tool can show, are left out.
    RAISES: RelxError RX186 (a folder that cannot be used, or written). WARNS: RX323 where texts were left out.
    """

    #: Whether the output is a folder.
    folder = False

    def __init__(self, output: Path, *, name: str = ""):
        self.output = output
        self.name = name
        self.count = 0
        self.left_out = 0
        self._temporary: Path | None = None

    def __enter__(self) -> Writer:
        if self.folder and self.output.exists() and (not self.output.is_dir() or any(self.output.iterdir())):
            raise RelxError(
                "RX186", path=self.output, reason="it must be a new or an empty folder, so that nothing is lost"
            )
        target = self.output.resolve()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = Path(tempfile.mkdtemp(dir=target.parent, suffix=".tmp"))
            folder = self._temporary / "out"  # made anew: that of mkdtemp is for its owner only
            folder.mkdir()
            self.begin(folder)
        except RelxError:
            raise
        except OSError as err:
            self._clean()
            raise self._failed(err) from err
        return self

    def add(self, doc: Doc) -> None:
        """Write a Doc. RAISES: RelxError RX186."""
        if not doc.text.strip():
            self.left_out += 1
            return
        try:
            self.write(doc, annotations_of(doc))
        except RelxError:
            raise
        except OSError as err:
            raise self._failed(err) from err
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end(complete=kind is None)
            if kind is None and self._temporary is not None:
                self._commit(self._temporary / "out")
        except RelxError:
            raise
        except OSError as problem:
            raise self._failed(problem) from problem
        finally:
            self._clean()
        if kind is None and self.left_out:
            warn("RX323", n=self.left_out)

    def _commit(self, written: Path) -> None:
        if self.folder:
            if self.output.exists():
                self.output.rmdir()
            os.replace(written, self.output.resolve())
            return
        for file in sorted(written.iterdir()):
            os.replace(file, self.output.resolve().with_suffix(file.suffix))

    def _clean(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _failed(self, err: OSError) -> RelxError:
        return RelxError("RX186", path=self.output, reason=err.strerror or str(err))

    def begin(self, folder: Path) -> None:
        """Open what is to be written, in a folder that is thrown away if the work does not end well."""
        raise NotImplementedError

    def write(self, doc: Doc, annotations: Annotations) -> None:
        """Write one Doc."""
        raise NotImplementedError

    def end(self, complete: bool) -> None:
        """Close what is open. complete: whether all was written."""
        raise NotImplementedError


class LinesWriter(Writer):
    """A file of JSON lines."""

    #: Whether characters beyond ASCII are written as escapes.
    ascii_only = False

    def begin(self, folder: Path) -> None:
        self._stream = (folder / self.output.name).open("w", encoding="utf8", newline="\n")

    def write(self, doc: Doc, annotations: Annotations) -> None:
        self._stream.write(to_json(self.row(doc, annotations), self.ascii_only) + "\n")

    def end(self, complete: bool) -> None:
        self._stream.close()

    def row(self, doc: Doc, annotations: Annotations) -> dict[str, Any]:
        """The line of a Doc."""
        raise NotImplementedError
