"""Calls that make and read training data: convert, split, make_bags, align, read_docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spacy.language import Language
from spacy.tokens import Doc

from ..data.extensions import get_bag, set_extensions
from ..errors import RelxError
from ..formats.bag_files import BagReport, write_bags
from ..formats.convert import check_outputs, default_nlp
from ..formats.convert import convert as _convert
from ..formats.docbin import new_docbin, write_docbin
from ..formats.reader import corpus_files, wanted_langs
from ..formats.records import Report, is_lang_code
from ..formats.split import SplitDocs, divide
from ..formats.texts import annotate
from ..knowledge.aliases import Aliases, AliasMatcher, read_aliases
from ..knowledge.align import AlignReport
from ..knowledge.align_files import align_to_bags
from ..knowledge.read import TripleReport, read_triples
from .inputs import (
    Docs,
    Model,
    Progress,
    Texts,
    docs_of,
    on_error_of,
    pipeline_of,
    silent,
    text_sources,
)

if TYPE_CHECKING:
    from spacy.tokens import DocBin

Ambiguous = Literal["skip", "first", "all"]
SplitBy = Literal["text", "id"]


def convert(
    format: str,
    inputs: str | Path | Iterable[str | Path],
    output: str | Path,
    *,
    pattern: str | Sequence[str] = "*",
    model: Model | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Report:
    """Convert annotated data to a .spacy file for training.

    Args:
        format: The format of the inputs, see docs/formats.md; "auto": the content tells it.
        inputs: Files, or folders to search for files.
        output: The file to write; ends in .spacy.
        pattern: In folders, only files with such names are taken.
        model: The pipeline whose tokenizer splits texts; also "blank:en".
        progress: Shows how far the documents are read.
        **settings: Those of `spacy_relx.formats.convert.convert`: lang, columns, detokenize, alignment, on_error, meta,
            exclude, limit, dev, dev_share, split_by, seed, labels, types, strict, annotated_mentions,
            annotated_relations, annotated_pairs.

    Returns:
        What was read, kept and lost; it prints as text.
    """
    paths = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    nlp = _tokenizer_of(model)
    return _convert(format, paths, output, patterns=patterns, nlp=nlp, progress=progress, **settings)


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
    """Read the documents of a .spacy file, or of a folder of .spacy files.

    Args:
        data: The file or folder.
        model: A pipeline whose vocabulary the documents share; None for one of their own.
        limit: The most documents that are read; 0 for all.
        langs: Only documents in these languages; None for all.

    Returns:
        The documents.

    Raises:
        RelxError: RX131 where there is no such file, RX132 for a broken one, RX042 for what is no language.
    """
    set_extensions()
    vocab = (default_nlp() if model is None else pipeline_of(model)).vocab
    wanted = wanted_langs(langs)
    return list(islice((doc for doc in docs_of(data, vocab) if wanted is None or doc._.lang in wanted), limit or None))


@dataclass
class SplitReport:
    """What `split` wrote: path -> number of documents. It prints as text."""

    outputs: dict[str, int]

    def __str__(self) -> str:
        return "\n".join(f"{path}: {n} documents" for path, n in self.outputs.items())

    def to_dict(self) -> dict[str, int]:
        """The numbers by path, ready for JSON."""
        return dict(self.outputs)


def split(
    data: str | Path,
    output: str | Path,
    dev: str | Path,
    *,
    test: str | Path | None = None,
    dev_share: float = 0.1,
    test_share: float = 0.1,
    split_by: SplitBy = "text",
    seed: int = 0,
    progress: Progress = silent,
) -> SplitReport:
    """Divide documents into training, development and test data.

    Which documents are drawn depends on their texts (or ids) and the seed alone.

    Args:
        data: A .spacy file, or a folder of such.
        output: The .spacy file for training.
        dev: The .spacy file for development.
        test: The .spacy file for testing; None for none.
        dev_share: The share of the documents that goes to dev, in (0, 1).
        test_share: The share of the documents that goes to test, in (0, 1).
        split_by: Whether equal texts stay together, or equal ids, such as those of translations.
        seed: Another seed draws other documents.
        progress: Shows how far the documents are read.

    Returns:
        The number of documents in each file.

    Raises:
        RelxError: RX021 for shares that leave nothing to train on, RX122 for outputs that are inputs or have another
            ending, RX560 where an output would be empty, RX650 for bags.
    """
    shares = [dev_share, *([test_share] if test is not None else [])]
    if min(shares) <= 0 or sum(shares) >= 1:
        raise RelxError("RX021", name="dev_share", value=shares, need="shares above 0 that leave some to train on")
    files = corpus_files(Path(data))
    outputs = [Path(path) for path in (output, dev, test) if path is not None]
    check_outputs(outputs, files)
    nlp = default_nlp()
    docs: Iterable[Doc] = progress(docs_of(data, nlp.vocab))
    rest, parts = new_docbin(), []
    left = 1.0
    for path, share in zip(outputs[:0:-1], shares[::-1]):
        drawn = SplitDocs(nlp.vocab, share=share / left, by=split_by, seed=seed)
        for doc in docs:
            if get_bag(doc) is not None:
                raise RelxError("RX650", path=data)
            drawn.add(doc)
        rest, part = divide(drawn, (outputs[0], path))
        docs, left = rest.get_docs(nlp.vocab), left - share
        parts.append(part)
    return SplitReport({str(path): _write(part, path) for path, part in zip(outputs, [rest, *parts[::-1]])})


def _write(part: DocBin, path: Path) -> int:
    write_docbin(part, path)
    return len(part)


def make_bags(
    inputs: str | Path | Iterable[str | Path], output: str | Path, *, progress: Progress = silent, **settings: Any
) -> BagReport:
    """Group annotated sentences into bags, one for each ordered pair of entities.

    Args:
        inputs: .spacy files of sentences with entity ids, or of bags, or folders of them.
        output: A file that ends in .spacy, or a folder for several.
        progress: Shows how far the documents are read.
        **settings: Those of `spacy_relx.formats.bag_files.write_bags`: test, test_share, seed, shard_size,
            max_sentences, reversed_negatives, symmetric, exclude, exclude_sentences, meta.

    Returns:
        What the bags hold; it prints as text.
    """
    paths = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    return write_bags(paths, output, default_nlp().vocab, progress=progress, **settings)


def align(
    kb: str | Path,
    docs: Texts,
    output: str | Path,
    *,
    aliases: str | Path | None = None,
    ignore_case: bool = False,
    ambiguous: Ambiguous = "skip",
    overlaps: bool = False,
    expand: bool = False,
    shorten: bool = False,
    model: Model | None = None,
    lang: str = "",
    max_negatives_per_sentence: int = 10,
    batch_size: int | None = None,
    on_error: str = "raise",
    code: str | Path | None = None,
    gpu_id: int = -1,
    progress: Progress = silent,
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
        code: A Python file with additional components.
        gpu_id: The number of the GPU; -1 for the CPU.
        progress: Shows how far texts and bags are read.
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
    read = TripleReport(on_error)
    base = read_triples(kb, shorten=shorten, report=read)
    inputs, matcher = [f"{kb}\n{read.summary()}\n"], None
    if aliases is not None:
        read_names = Report(on_error)
        names = read_aliases(aliases, report=read_names)
        inputs.append(f"{aliases}\n{_names_summary(names, read_names)}\n")
        alignment = "expand" if expand else "strict"
        matcher = AliasMatcher(names, case=not ignore_case, ambiguous=ambiguous, alignment=alignment, overlaps=overlaps)
    nlp = sentence_nlp() if model is None else pipeline_of(model, code, gpu_id)
    set_extensions()

    def found() -> Iterator[Doc]:
        for _, texts in text_sources(docs, nlp.vocab, when):
            named = (item if item.lang else item._replace(lang=lang) for item in texts)
            yield from (doc for _, doc in annotate(nlp, named, batch_size=batch_size, on_error=when))

    files = [docs] if isinstance(docs, (str, Path)) else [path for path in docs if isinstance(path, Path)]
    report = align_to_bags(
        base,
        progress(found(), unit=" texts"),
        output,
        nlp.vocab,
        matcher=matcher,
        inputs=[path for path in (kb, aliases, code, *files) if path is not None and str(path) != "-"],
        max_negatives=max_negatives_per_sentence,
        progress=lambda bags: progress(bags, unit=" bags"),
        **settings,
    )
    report.inputs = inputs
    return report


def _names_summary(names: Aliases, report: Report) -> str:
    broken = f" (broken lines {report.records_broken})" * bool(report.records_broken)
    first = f"names              {len(names)}, of {len(names.entity_ids)} entities{broken}"
    return "\n".join([first, *(f"  [{problem.code}] {problem.message}" for problem in report.problems[:10])])


def sentence_nlp() -> Language:
    """A pipeline for any language and script, whose sentences end at the punctuation of many scripts."""
    nlp = default_nlp()
    nlp.add_pipe("sentencizer")
    return nlp
