"""The language "xx" (several, or none in particular): entry point of spaCy's `spacy_languages`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spacy.lang.xx import MultiLanguage as SpacyMultiLanguage
from spacy.util import registry
from spacy.vocab import Vocab


class MultiLanguage(SpacyMultiLanguage):
    """spaCy's "xx", whose pipelines with components of ours can be a `source` for pipelines of any language.

    spaCy loads a source with the vocabulary of the pipeline that takes components from it, and refuses one of another
    language (E150). Components of ours read words, and nothing that a language's vocabulary says of them.
    """

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any] = {}, *, vocab: Vocab | bool = True, **settings: Any
    ) -> SpacyMultiLanguage:
        """As `Language.from_config`, which has the list of settings."""
        guest = isinstance(vocab, Vocab) and vocab.lang not in ("", cls.lang) and _has_ours(config)
        made: Any = super(MultiLanguage, _Guest if guest else cls)
        return made.from_config(config, vocab=vocab, **settings)


class _Guest(MultiLanguage):
    """A pipeline of "xx" with the vocabulary of another language, whose name it bears."""

    def __init__(self, vocab: Vocab, **settings: Any):
        self.lang = vocab.lang
        super().__init__(vocab, **settings)


def _has_ours(config: Mapping[str, Any]) -> bool:
    """Whether a factory of this package makes one of the components."""
    package = __name__.partition(".")[0]
    names = {str(part.get("factory")) for part in config.get("components", {}).values()}
    factories = [registry.factories.get(name) for name in names if name in registry.factories]
    return any(factory.__module__.partition(".")[0] == package for factory in factories)
