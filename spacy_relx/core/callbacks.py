"""Callbacks for configs; `spacy_relx.CopyTokenizer.v1`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from ..data.loading import load_pipeline
from ..errors import RelxError

if TYPE_CHECKING:
    from spacy.language import Language


def make_copy_tokenizer(model: str) -> Callable[[Language], None]:
    """`spacy_relx.CopyTokenizer.v1`: give a pipeline the tokenizer and the vocabulary of another one.

    For `[initialize.before_init]`, where components of that pipeline are sourced: they were trained on its tokens, and
    read normal forms and vectors from its vocabulary, which spaCy does not copy with a component. Other than
    `spacy.copy_from_base_model.v1` it needs no `[nlp.tokenizer]` of the same settings: it takes these over.

    Args:
        model: Name or folder of the pipeline.

    Raises:
        RelxError: RX180 for what is no pipeline, RX550 for one of another language, both when it is called.
    """
    return partial(_copy_tokenizer, model)


def _copy_tokenizer(model: str, nlp: Language) -> None:
    from spacy.util import registry

    base = load_pipeline(model)
    if base.lang != nlp.lang:
        raise RelxError("RX550", model=model, base=base.lang, lang=nlp.lang)
    settings = base.config["nlp"]["tokenizer"]
    nlp.vocab.from_bytes(base.vocab.to_bytes())
    nlp.config["nlp"]["tokenizer"] = settings
    own: Any = base.tokenizer
    nlp.tokenizer = registry.resolve({"tokenizer": settings})["tokenizer"](nlp)
    if hasattr(own, "to_bytes"):  # tokenizers without settings need not have it
        nlp.tokenizer.from_bytes(own.to_bytes(exclude=["vocab"]))
