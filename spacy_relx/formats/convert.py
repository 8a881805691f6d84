"""From importers' records to Docs, and to .spacy files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Callable, cast

import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

from ..data.annotated import NAMED, NONE, Annotated, Names
from ..data.extensions import set_extensions
from ..data.files import is_hidden, same_file
from ..errors import RelxError
from .docbin import new_docbin, quick_msgpack, write_docbin
from .importers import get_format
from .importers.detect import detect_format
from .labels import TYPES, check_use, labels_renaming, rename_relations, rename_types, types_renaming
from .record_docs import annotate, check_id, check_strings, make_spans, make_tokens
from .records import LabelCounts, Place, Record, Report, is_lang_code
from .running_text import detokenize as detokenized
from .selection import KnownTexts, MetaConditions
from .split import SPLITS, SplitDocs, divide

#: How a mention that does not fall on token boundaries is treated.
ALIGNMENTS = ("strict", "expand", "contract")
#: Instead of the name of a format: tell it by the content.
AUTO = "auto"


def default_nlp() -> Language:
    """The pipeline whose tokenizer splits texts, unless another is named: any language, any script."""
    return spacy.blank("xx", config={"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}})


def convert(
    format: str,
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    lang: str | None = None,
    patterns: Sequence[str] = ("*",),
    columns: str = "",
    nlp: Language | None = None,
    detokenize: bool = False,
    on_error: str = "raise",
    alignment: str = "strict",
    meta: Sequence[str] = (),
    exclude: Sequence[str | Path] | KnownTexts = (),
    limit: int = 0,
    dev: str | Path | None = None,
    dev_share: float = 0.1,
    split_by: str = "text",
    seed: int = 0,
    labels: str | Path | None = None,
    types: str | Path | None = None,
    strict: bool = False,
    annotated_mentions: Names | None = None,
    annotated_relations: Names | None = None,
    annotated_pairs: str | None = None,
    progress: Callable[[Iterator[Doc]], Iterator[Doc]] | None = None,
) -> Report:
    """Convert annotated data to a .spacy file that `spacy_relx.RelationCorpus.v1` reads.

    Args:
        format: Name of an importer, see docs/formats.md, or "auto": the content tells it (see `choose_inputs`).
        inputs: Files, or folders, which are searched at all depths for files whose names fit one of `patterns` (globs;
            hidden files never do), in sorted order.
        lang: Language of the records that do not say theirs.
        columns: Of the format iob, the columns in order, see `importers.iob.read_iob`; "" for those that the content
            tells.
        nlp: Its tokenizer splits texts (default: `default_nlp()`); data that comes in tokens keeps them.
        detokenize: Make running text of data that comes in tokens, which nlp's tokenizer splits like any text.
        on_error: "raise", or "skip" broken lines.
        alignment: See `records_to_docs`.
        meta: Take only Docs with this in their meta: KEY=VALUE, or KEY!=VALUE for those with something else or nothing.
        exclude: Leave out Docs whose texts stand in these .spacy files (or folders of them), whatever their case,
            accents, spaces and punctuation.
        limit: Docs to write at most, 0 for all.
        dev: A second file, for dev_share of the Docs (in (0, 1)), drawn with the seed, see `SplitDocs`; neither file is
            ever empty.
        split_by: "text", equal texts go to the same file; "id", equal ids do, as translations of one sentence have
            them.
        labels: A file with new names for relations, or a ready table such as "ids:names", see
            `spacy_relx.formats.labels.labels_renaming`; relations that it does
            not name keep their names.
        types: Such a file for the entity types of mentions, or two ready tables, such as "ontonotes:conll", see
            `spacy_relx.formats.labels.types_renaming`.
        strict: Make unknown keys (RX600), and files without any relation (RX601), errors, which are only reported
            otherwise.
        annotated_mentions: What the annotation covers, as of `Annotated`, for records of which neither the data nor the
            format says it: "all", "none", or entity types (by the names that they get).
        annotated_relations: The same: "all", "none", or labels (by the names that they get).
        annotated_pairs: The same: "all" or "named".
        progress: Wraps the stream of Docs.

    Returns:
        What was read, kept and lost.

    Raises:
        RelxError: RX042 (lang), RX100, RX300 or RX301 (format), RX021 (settings), RX119 or RX120 (input), RX121
            (nothing to write), RX122 (output), RX186 (writing), RX560 (nothing to divide), RX108, RX109, RX120 or RX102
            (labels, types), RX511 (types), RX600 or RX601 (strict), RX720 (annotated_...), RX740 to RX742 (columns),
            and the errors of the importer.

    Warns:
        RelxWarning: RX126 where a table renames and leaves out nothing of what was read.
    """
    report = Report(on_error, strict=strict)
    outputs = [Path(output)] + ([Path(dev)] if dev is not None else [])
    _check_settings(alignment, limit, dev_share, split_by, lang)
    given = {"mentions": annotated_mentions, "relations": annotated_relations, "pairs": annotated_pairs}
    annotated = Annotated.from_any({key: value for key, value in given.items() if value is not None})
    tables: list[Path] = []
    if labels is not None:
        new_label, file = labels_renaming(labels)
        tables += [file] if file is not None else []
        report.labels = LabelCounts()
    if types is not None:
        new_type, file = types_renaming(types)
        report.types = LabelCounts("mentions")
        tables += [file] if file is not None else []
    detected = format == AUTO
    format, paths = choose_inputs(format, inputs, patterns)
    report.detected = format if detected else ""
    read: Callable[..., Iterator[Record]] = get_format(format)
    if columns:
        if format != "iob":
            raise RelxError("RX742", format=format)
        read = partial(cast(Any, read), columns=columns)
    conditions = MetaConditions(meta)
    known = exclude if isinstance(exclude, KnownTexts) else KnownTexts(exclude)
    check_outputs(outputs, [*paths, *tables, *known.files])

    related = _Related(report, annotated)

    def records() -> Iterator[Record]:
        for path in paths:
            report.files += 1
            for record in related.watch(read(path, report), path):
                record.lang = record.lang or lang or ""
                if report.labels is not None:
                    report.relations_none += rename_relations(record, new_label, report.labels)
                if report.types is not None:
                    report.relations_dropped += rename_types(record, new_type, report.types)
                record.annotated = record.annotated or annotated
                if record.annotated.mentions == NONE and record.annotated.pairs == NAMED and not record.relations:
                    report.records_skipped += 1  # a table left out all that is annotated
                    continue
                yield record
        related.check()

    nlp = nlp or default_nlp()
    found = (detokenized(record, nlp) for record in records()) if detokenize else records()
    docs = _chosen(records_to_docs(found, nlp, report, alignment), conditions, known, report)
    if limit:
        docs = islice(docs, limit)
    split = None if dev is None else SplitDocs(nlp.vocab, share=dev_share, by=split_by, seed=seed)
    docbin = new_docbin()
    add = docbin.add if split is None else split.add
    with quick_msgpack():
        for doc in progress(docs) if progress else docs:
            add(doc)
    if not len(docbin if split is None else split):
        raise RelxError("RX121", path=outputs[0], reason=f"there are no documents.\n{report.summary()}")
    for part, path in zip((docbin,) if split is None else divide(split, outputs), outputs):
        write_docbin(part, path)
        report.outputs[str(path)] = len(part)
    if labels is not None and report.labels is not None:
        check_use(labels, report.labels)
    if types is not None and report.types is not None:
        check_use(types, report.types, TYPES)
    return report


def _chosen(docs: Iterable[Doc], conditions: MetaConditions, known: KnownTexts, report: Report) -> Iterator[Doc]:
    """The Docs for which all conditions hold, and that are not known."""
    for doc in docs:
        if not conditions(doc):
            report.left_out_by_meta += 1
        elif doc in known:
            report.left_out_as_known += 1
        else:
            yield doc


class _Related:
    """Tells of files in which no relation was found (RX601), where relations are annotated. Files of one record, which
    are documents, are taken together: few collections have relations in each."""

    def __init__(self, report: Report, annotated: Annotated):
        self.report, self.annotated = report, annotated
        self.single: list[Place] = []
        self.singles_related = False

    def watch(self, records: Iterator[Record], path: Path) -> Iterator[Record]:
        """The records of a file. RAISES: RelxError RX601, if the report is strict."""
        report = self.report
        before = report.relations_none + report.relations_dropped
        n, related, first = 0, False, Place(path, 1)
        for record in records:
            first = first if n else record.place
            n += 1
            related = related or bool(record.relations) or (record.annotated or self.annotated).relations == NONE
            yield record
        related = related or report.relations_none + report.relations_dropped > before
        if n == 1:
            self.single.append(first)
            self.singles_related = self.singles_related or related
        elif n and not related:
            report.suspect("RX601", first, "", what=f"the {n} records of the file")

    def check(self) -> None:
        """Tell of the files of one record, when all are read. RAISES: RelxError RX601, if the report is strict."""
        if self.single and not self.singles_related:
            n = len(self.single)
            what = f"the {n} files of one record" if n > 1 else "the one record of the file"
            self.report.suspect("RX601", self.single[0], "", what=what)


def choose_inputs(
    format: str, inputs: Iterable[str | Path], patterns: Sequence[str] = ("*",)
) -> tuple[str, list[Path]]:
    """The format that is meant, and the files to call its importer with: of a format whose records are made of several
    files, not all. RAISES: RelxError RX100, RX120, and for "auto" RX132, RX300, RX301.
    """
    if format == AUTO:
        return detect_format(find_inputs(inputs, patterns))
    importer = get_format(format)
    paths = find_inputs(inputs, patterns)
    choose = getattr(importer, "select_inputs", None)
    chosen = paths if choose is None else choose(paths)
    if not chosen:
        raise RelxError("RX119", path=paths[0].parent, reason=f"there are files, but none of the format {format}")
    return format, chosen


def find_inputs(inputs: Iterable[str | Path], patterns: Sequence[str] = ("*",)) -> list[Path]:
    """The files that are meant: files as they are, folders searched. RAISES: RelxError RX119, RX120."""
    paths: list[Path] = []
    for path in map(Path, inputs):
        if not path.exists():
            raise RelxError("RX120", path=path)
        if not path.is_dir():
            paths.append(path)
            continue
        fitting = {file for pattern in patterns for file in path.rglob(pattern) if file.is_file()}
        found = sorted(file for file in fitting if not is_hidden(file.relative_to(path)))
        if not found:
            wanted = " or ".join(map(repr, patterns))
            raise RelxError("RX119", path=path, reason=f"the folder holds no file that fits {wanted}")
        paths.extend(found)
    if not paths:
        raise RelxError("RX119", path="(nothing)", reason="no input was given")
    return paths


def _check_settings(alignment: str, limit: int, dev_share: float, split_by: str, lang: str | None) -> None:
    if lang and not is_lang_code(lang):
        raise RelxError("RX042", where="the setting 'lang' (--lang)", value=lang)
    if alignment not in ALIGNMENTS:
        raise RelxError("RX021", name="alignment", value=alignment, need=" or ".join(map(repr, ALIGNMENTS)))
    if limit < 0:
        raise RelxError("RX021", name="limit", value=limit, need="0 (no limit) or more")
    if not 0 < dev_share < 1:
        raise RelxError("RX021", name="dev_share", value=dev_share, need="between 0 and 1")
    if split_by not in SPLITS:
        raise RelxError("RX021", name="split_by", value=split_by, need=" or ".join(map(repr, SPLITS)))


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Make sure that outputs end in .spacy and are none of the inputs: RX122."""
    taken = list(inputs)
    for path in outputs:
        if path.suffix != ".spacy" or path.is_dir() or any(same_file(path, other) for other in taken):
            raise RelxError("RX122", path=path)
        taken.append(path)


def records_to_docs(
    records: Iterable[Record], nlp: Language, report: Report, alignment: str = "strict"
) -> Iterator[Doc]:
    """Make the annotated Doc of each record.

    Texts are split by nlp's tokenizer; words stay as they are, also those of a text that brings its own. All mentions
    go to `doc.spans["mentions"]`, those that do not overlap (the longest first) to `doc.ents`, relations to
    `doc._.relations`, the language to `doc._.lang`, id and meta, where there are any, to `doc.user_data["id"]` and
    `["meta"]`, what the annotation covers to `doc._.annotated`. Exact duplicates are merged. Mentions without a type
    get ENT. Relations labelled "no_relation" are kept where pairs are annotated as named, else counted and left out.

    Args:
        alignment: Of a mention of characters that does not begin and end with tokens. "strict": it is dropped, counted
            and noted (RX110), and so are its relations; "expand" and "contract": it takes all tokens it touches, or all
            it covers. Blanks at the edges of a mention, tokens of spaces too, belong to no mention (RX572). Records of
            one id, one language and several texts are noted (RX576): sentences in several languages may share an id.

    Raises:
        RelxError: RX114 where no Doc can be made of a record, unless the report is to skip those.
    """
    set_extensions()
    known: dict[tuple[str | int, str], tuple[int, Place]] = {}
    pack = srsly.msgpack.Packer(use_bin_type=True).pack  # `msgpack_dumps` looks up its codecs anew on each call
    for record in records:
        try:
            check_strings(record)
            if record.meta:
                pack(record.meta)  # else DocBin would break, on an integer of more than 64 bits
            doc = make_tokens(record, nlp)
            spans = make_spans(record, doc, report, alignment)
        except RelxError:
            raise
        except (ValueError, OverflowError, TypeError) as err:
            report.broken("RX114", record.place, record.content, reason=err)
            continue
        check_id(record, known, report)
        annotate(record, doc, spans, report)
        report.records_written += 1
        yield doc
