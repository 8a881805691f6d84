"""Calls that make and read training data: convert, read_docs, align."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..data.extensions import set_extensions
from ..errors import RelxError
from ..formats.convert import convert as _convert
from ..formats.convert import default_nlp
from ..formats.reader import wanted_langs
from ..formats.records import Report, is_lang_code
from ..formats.texts import annotate
from ..knowledge.aliases import AliasMatcher, read_aliases
from ..knowledge.align import AlignReport
from ..knowledge.align_files import align_to_bags
from ..knowledge.read import read_triples
from .inputs import Docs, Model, Texts, docs_of, on_error_of, pipeline_of, text_sources


def convert(
    format: str,
    inputs: str | Path | Iterable[str | Path],
    output: str | Path,
    *,
    pattern: str | Sequence[str] = "*",
    model: Model | None = None,
    **settings: Any,
) -> Report:
    """Convert annotated data to a .spacy file for training.

    Args:
        format: The format of the inputs, see docs/formats.md; "auto": the content tells it.
        inputs: Files, or folders to search for files.
        output: The file to write; ends in .spacy.
        pattern: In folders, only files with such names are taken.
        model: The pipeline whose tokenizer splits texts; also "blank:en".
        **settings: Those of `spacy_relx.formats.convert.convert`: lang, alignment, on_error, limit, dev, dev_share,
            split_by, seed, labels, types, strict.

    Returns:
        What was read, kept and lost; it prints as text.
    """
    paths = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    return _convert(format, paths, output, patterns=patterns, nlp=_tokenizer_of(model), **settings)


def _tokenizer_of(model: Model | None) -> Language | None:
    if not (isinstance(model, str) and model.startswith("blank:")):
        return None if model is None else pipeline_of(model)
    import spacy

    try:
        return spacy.blank(model.removeprefix("blank:"))
    except ImportError as err:
        raise RelxError("RX180", model=model, reason="spaCy has no such language.") from err


def read_docs(
    data: Docs, *, model: Model | None = None, limit: int = 0, langs: Iterable[str] | None = None
) -> list[Doc]:
    """The documents of a .spacy file, or of a folder of such.

    Args:
        data: The file or folder.
        model: A pipeline whose vocabulary the documents share; None for one of their own.
        limit: The most documents that are read; 0 for all.
        langs: Only documents in these languages; None for all.

    Raises:
        RelxError: RX131 where there is no such file, RX132 for a broken one, RX042 for what is no language.
    """
    set_extensions()
    vocab = (default_nlp() if model is None else pipeline_of(model)).vocab
    wanted = wanted_langs(langs)
    return list(islice((doc for doc in docs_of(data, vocab) if wanted is None or doc._.lang in wanted), limit or None))


def align(
    kb: str | Path,
    docs: Texts,
    output: str | Path,
    *,
    aliases: str | Path | None = None,
    ignore_case: bool = False,
    ambiguous: str = "skip",
    overlaps: bool = False,
    expand: bool = False,
    shorten: bool = False,
    model: Model | None = None,
    lang: str = "",
    max_negatives_per_sentence: int = 10,
    batch_size: int | None = None,
    on_error: str = "raise",
    **settings: Any,
) -> AlignReport:
    """Label texts with a knowledge base (distant supervision), as bags for training.

    Args:
        kb: Triples (head, relation, tail with tabs between, or .nt), or a folder of a knowledge base.
        docs: A file of texts; or a list of texts, Docs, and paths of such files.
        output: A file that ends in .spacy, or a folder for several.
        aliases: A file of names of entities.
        ignore_case: Whether to find names in any case.
        ambiguous: Names of several entities: "skip", or link the "first" or "all".
        overlaps: Whether to link names inside longer ones, too.
        expand: Whether, in scripts without spaces, a name that cuts a token takes all of it.
        shorten: Whether to keep of IRIs only what follows the last / or #.
        model: A pipeline for tokens, sentences and perhaps links of mentions.
        lang: The language of texts that do not say theirs.
        max_negatives_per_sentence: Unrelated pairs of a sentence; 0 for no limit.
        batch_size: Texts that the pipeline takes at a time.
        on_error: "raise", or "skip" lines that are broken.
        **settings: Those of `spacy_relx.knowledge.align_files.align_to_bags`: negatives, reversed_negatives,
            symmetric, test, test_share, seed, shard_size, max_sentences.

    Returns:
        What was found; it prints as text.
    """
    if lang and not is_lang_code(lang):
        raise RelxError("RX042", where="the setting 'lang'", value=lang)
    when = on_error_of(on_error)
    if not isinstance(docs, (str, Path, Doc, Iterable)):
        raise RelxError("RX611", value=docs)
    docs = docs if isinstance(docs, (str, Path)) else [docs] if isinstance(docs, Doc) else list(docs)
    base = read_triples(kb, shorten=shorten, on_error=on_error)
    matcher = None
    if aliases is not None:
        names = read_aliases(aliases, on_error=on_error)
        alignment = "expand" if expand else "strict"
        matcher = AliasMatcher(names, case=not ignore_case, ambiguous=ambiguous, alignment=alignment, overlaps=overlaps)
    if model is None:
        nlp = default_nlp()
        nlp.add_pipe("sentencizer")
    else:
        nlp = pipeline_of(model)

    def found() -> Iterator[Doc]:
        for _, texts in text_sources(docs, nlp.vocab, when):
            named = (item if item.lang else item._replace(lang=lang) for item in texts)
            yield from (doc for _, doc in annotate(nlp, named, batch_size=batch_size, on_error=when))

    files = [docs] if isinstance(docs, (str, Path)) else [path for path in docs if isinstance(path, Path)]
    inputs = [path for path in (kb, aliases, *files) if path is not None]
    return align_to_bags(
        base,
        found(),
        output,
        nlp.vocab,
        matcher=matcher,
        inputs=inputs,
        max_negatives=max_negatives_per_sentence,
        **settings,
    )
