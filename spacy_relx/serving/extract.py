"""What is done with the texts of a request. Knows nothing of HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..about import __version__
from ..corpora.texts import Broken, Text, doc_of
from ..errors import RelxError
from ..export.predictions import fact_records, prediction_record
from ..extensions import set_extensions
from .requests import Limits, read_request

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

LOGGER = logging.getLogger("spacy_relx.serving")


class Extractor:
    """Runs a pipeline over the texts of a request; one request at a time, since pipelines are not made for threads.

    nlp: the pipeline. limits: bounds of a request.
    """

    def __init__(self, nlp: Language, limits: Limits):
        set_extensions()
        self.nlp = nlp
        self.limits = replace(limits, max_chars=min(limits.max_chars, nlp.max_length))
        self.has_facts = bool(_finders(nlp, "doc._.facts"))

    def answer(self, body: bytes) -> bytes:
        """The answer to a request, as JSON: {"results": [...]}, for each text, in order, a prediction or an error.

        RAISES: Refusal, as `read_request`.
        """
        items = dict(enumerate(read_request(body, self.limits)))
        texts = {number: item for number, item in items.items() if isinstance(item, Text)}
        # What texts add to the vocabulary is freed at the end: nothing of a Doc may leave this block.
        with self.nlp.memory_zone():
            rows = self._predict(texts)
        for number, item in items.items():
            if isinstance(item, Broken):
                rows[number] = _error_row(item.id, RelxError("RX422", reason=item.reason))
        return b'{"results": [' + b", ".join(rows[number] for number in items) + b"]}"

    def info(self) -> dict[str, Any]:
        """Name and version of the pipeline, its languages, the labels of its components, and the limits."""
        meta = self.nlp.meta
        found = dict.fromkeys([*_finders(self.nlp, "doc._.relations"), *_finders(self.nlp, "doc._.facts")])
        labels = {name: list(getattr(self.nlp.get_pipe(name), "labels", ())) for name in found}
        known = [getattr(pipe, "languages", None) for _, pipe in self.nlp.pipeline]
        return {
            "name": f"{meta['lang']}_{meta['name']}",
            "version": meta["version"],
            "spacy_relx": __version__,
            "languages": list(dict.fromkeys(lang for each in known if isinstance(each, list) for lang in each)),
            "labels": {name: each for name, each in labels.items() if each},
            "limits": self.limits.to_dict(),
        }

    def _predict(self, texts: Mapping[int, Text]) -> dict[int, bytes]:
        """The row of each text: all in one batch, and where that fails or a text gets lost, each one left by itself."""
        rows: dict[int, bytes] = {}
        try:
            docs = ((doc_of(self.nlp, text), number) for number, text in texts.items())
            for doc, number in self.nlp.pipe(docs, as_tuples=True):
                rows[number] = self._row(doc, texts[number].id)
        except Exception as err:  # whatever a component raises; the text that it is about is found below
            LOGGER.info("A batch of %d texts failed (%s); its texts are tried one by one.", len(texts), err)
        for number, text in texts.items():
            if number not in rows:
                rows[number] = self._predict_one(text)
        return rows

    def _predict_one(self, text: Text) -> bytes:
        try:
            for doc in self.nlp.pipe([doc_of(self.nlp, text)]):
                return self._row(doc, text.id)
            raise ValueError("a component's error handler dropped the text")
        except Exception as err:
            # What the error says is for the log alone: it may name files, or quote other texts.
            LOGGER.exception("The pipeline failed on a text of %d characters.", len(text.text))
            kind = err.code if isinstance(err, RelxError) else type(err).__name__
            return _error_row(text.id, RelxError("RX423", kind=kind))

    def _row(self, doc: Doc, id: Any) -> bytes:
        record = prediction_record(doc, id)
        if self.has_facts:
            record["facts"] = fact_records(doc)
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf8")


def error_record(error: RelxError) -> dict[str, str]:
    """What an answer says of an error: its code, and its message without it."""
    return {"code": error.code, "message": str(error).removeprefix(f"[{error.code}] ")}


def _error_row(id: Any, error: RelxError) -> bytes:
    return json.dumps({"id": id, "error": error_record(error)}).encode("utf8")


def _finders(nlp: Language, attribute: str) -> list[str]:
    """The components that say that they set this."""
    return [name for name in nlp.pipe_names if attribute in nlp.get_pipe_meta(name).assigns]
