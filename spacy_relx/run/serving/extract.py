"""What is done with the texts of a request. Knows nothing of HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...about import __version__
from ...data.extensions import set_extensions
from ...data.loading import assigners, check_finds, pipeline_name
from ...data.strict_json import dump_json
from ...errors import RelxError
from ...formats.texts import Broken, Text, docs_or_errors
from ...writers.predictions import doc_record
from .requests import Limits, read_request

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

LOGGER = logging.getLogger("spacy_relx.run.serving")
#: Characters of a batch, about: a request that nobody waits for is given up between two batches.
BATCH_CHARS = 20_000


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


class Extractor:
    """Runs a pipeline over the texts of a request; one request at a time, since pipelines are not made for threads.

    nlp: the pipeline. limits: bounds of a request. RAISES: RelxError RX531 for one that finds no relations or facts.
    """

    def __init__(self, nlp: Language, limits: Limits):
        set_extensions()
        check_finds(nlp)
        self.nlp = nlp
        self.limits = replace(limits, max_chars=min(limits.max_chars, nlp.max_length))
        self.has_facts = bool(assigners(nlp, "doc._.facts"))

    def answer(self, body: bytes, given_up: Callable[[], bool] = lambda: False) -> bytes:
        """The answer to a request, as JSON: {"results": [...]}, for each text, in order, a prediction or an error.

        given_up: whether nobody waits for it any more; asked before each batch.
        RAISES: Refusal, as `read_request`; Abandoned where it was given up.
        """
        items = dict(enumerate(read_request(body, self.limits)))
        texts = {number: item for number, item in items.items() if isinstance(item, Text)}
        # What texts add to the vocabulary is freed at the end: nothing of a Doc may leave this block.
        with self.nlp.memory_zone():
            rows = self._predict(texts, given_up)
        for number, item in items.items():
            if isinstance(item, Broken):
                rows[number] = _error_row(item.id, RelxError("RX422", reason=item.reason))
        return b'{"results": [' + b", ".join(rows[number] for number in items) + b"]}"

    def info(self) -> dict[str, Any]:
        """Name and version of the pipeline, its languages, the labels of its components, and the limits."""
        name, version = pipeline_name(self.nlp.meta)
        found = dict.fromkeys([*assigners(self.nlp, "doc._.relations"), *assigners(self.nlp, "doc._.facts")])
        labels = {name: list(getattr(self.nlp.get_pipe(name), "labels", ())) for name in found}
        known = [getattr(pipe, "langs", None) for _, pipe in self.nlp.pipeline]
        return {
            "name": name,
            "version": version,
            "spacy_relx": __version__,
            "langs": list(dict.fromkeys(lang for each in known if isinstance(each, list) for lang in each)),
            "labels": {name: each for name, each in labels.items() if each},
            "limits": self.limits.to_dict(),
        }

    def _predict(self, texts: Mapping[int, Text], given_up: Callable[[], bool]) -> dict[int, bytes]:
        rows = {}
        for batch in _batches(texts):
            if given_up():
                raise Abandoned
            found = docs_or_errors(self.nlp, [texts[number] for number in batch])
            rows.update({number: self._answer_of(texts[number], each) for number, each in zip(batch, found)})
        return rows

    def _answer_of(self, text: Text, found: Doc | Exception) -> bytes:
        try:
            if isinstance(found, Exception):
                raise found
            return self._row(found, text.id)
        except Exception as err:  # whatever a component raises, or has set on the Doc
            # What the error says is for the log alone: it may name files, or quote other texts.
            LOGGER.exception("The pipeline failed on a text of %d characters.", len(text.text))
            kind = err.code if isinstance(err, RelxError) else type(err).__name__
            return _error_row(text.id, RelxError("RX423", kind=kind))

    def _row(self, doc: Doc, id: Any) -> bytes:
        record = doc_record(doc, id, facts=self.has_facts)
        return dump_json(record).encode("utf8")


def _batches(texts: Mapping[int, Text]) -> Iterator[list[int]]:
    """Numbers of the texts, in batches of about `BATCH_CHARS` characters."""
    batch: list[int] = []
    n_chars = 0
    for number, text in texts.items():
        batch.append(number)
        n_chars += len(text.text)
        if n_chars >= BATCH_CHARS:
            yield batch
            batch, n_chars = [], 0
    if batch:
        yield batch


def error_record(error: RelxError) -> dict[str, str]:
    """What an answer says of an error: its code, and its message without it."""
    return {"code": error.code, "message": str(error).removeprefix(f"[{error.code}] ")}


def _error_row(id: Any, error: RelxError) -> bytes:
    return dump_json({"id": id, "error": error_record(error)}).encode("utf8")
