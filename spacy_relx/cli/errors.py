"""`relx errors`: what a pipeline got right, missed and got wrong, as an HTML page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..data.extensions import get_type_names
from ..data.types import MENTIONS_KEY, NO_RELATION, Relation, support_of
from ..errors import RelxError, warn
from ._app import (
    BatchOpt,
    CodeOpt,
    GpuOpt,
    ModelArg,
    check_finds,
    import_code,
    load_pipeline,
    progress,
    read_docs,
    relx_app,
    report_errors,
    use_gpu,
)
from ._output import check_ending, check_output, write_output
from ._tables import percent
from .evaluate import MATCH_OPTION, GoldMentionsOpt, Match
from .page import LimitOpt

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from ..evaluation.scorer import DocView, PairKey
    from ..viz.page_data import PageDoc

#: Why a relation is missed or wrong, as the page says it.
OTHER, TURNED = "another relation", "turned around"
NOT_FOUND, NO_PAIR, NOTHING = "mention not found", "no candidate pair", "nothing predicted"
NOT_GOLD, NO_GOLD, DROPPED = "mention not in gold", "no such relation in gold", "document dropped"


@relx_app.command("errors")
@report_errors
def errors_cli(
    model: ModelArg,
    data: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder of such")],
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write")],
    gold_mentions: GoldMentionsOpt = False,
    match: Annotated[Match, MATCH_OPTION] = Match.boundary,
    limit: LimitOpt = 5000,
    title: Annotated[str, typer.Option("--title", help="Title of the page")] = "Errors",
    batch_size: BatchOpt = None,
    code: CodeOpt = None,
    gpu: GpuOpt = -1,
) -> None:
    """
    Make an HTML page of the relations that a pipeline gets right, misses and gets wrong, why, and which relations it
    takes for which. Counted as by relx evaluate; one file that needs no network. See docs/pictures.md.
    """
    from ..viz.page import VERDICTS, errors_page

    check_output(output, data, code, model=model)
    check_ending(output, "a page", ".html", ".htm")
    use_gpu(gpu)
    import_code(code)
    nlp = load_pipeline(model)
    check_finds(nlp, "doc._.relations")
    gold = read_docs(data, nlp.vocab)
    docs = list(compare_all(nlp, islice(gold, limit), gold_mentions, match is Match.strict, batch_size))
    if not docs:
        raise RelxError("RX173", where=data)
    counts = Counter(relation.verdict for doc in docs for relation in doc.relations)
    summary = f"{Path(model).name}: {_numbers(counts)}"
    write_output(output, errors_page(docs, title=title, summary=summary))
    named = ", ".join(f"{counts[name]} {name}" for name in VERDICTS)
    typer.secho(f"✔ {output}: {len(docs)} documents, {named}", fg="green", err=True)
    if next(gold, None) is not None:
        typer.secho(f"There are more documents: --limit is {limit}.", fg="yellow", err=True)


def _numbers(counts: Counter[str]) -> str:
    hits, n_gold, n_pred = counts["right"], counts["right"] + counts["missed"], counts["right"] + counts["wrong"]
    rates = {"P": (hits, n_pred), "R": (hits, n_gold), "F": (2 * hits, n_gold + n_pred)}
    parts = (f"{name} {percent(part / whole if whole else None)}" for name, (part, whole) in rates.items())
    return f"{', '.join(parts)}; {hits} right, {counts['missed']} missed, {counts['wrong']} wrong"


def compare_all(
    nlp: Language, gold: Iterator[Doc], gold_mentions: bool, strict: bool, batch_size: int | None
) -> Iterator[PageDoc]:
    """Run a pipeline over the words of gold documents, as `evaluate` does, and compare each, in their order.

    WARNS: RX171 where no entity was found, and as `Run.report`.
    """
    from ..evaluation import mention_writers
    from ..evaluation.evaluate import Run, no_mentions_advice

    run = Run(nlp, progress(gold), MENTIONS_KEY, gold_mentions, False)
    disable = mention_writers(nlp) if run.mentions else []
    done: dict[int, PageDoc] = {}
    n_found = n_gold = 0
    for predicted, number in nlp.pipe(run.inputs(), as_tuples=True, batch_size=batch_size, disable=disable):
        reference = run.taken(predicted, number)
        n_gold += len(reference._.relations)
        n_found += len(predicted.ents) + sum(map(len, predicted.spans.values())) + len(predicted._.relations)
        done[number] = compare(reference, predicted, _name(reference, number), strict)
    for number, reference in run.waiting.items():
        done[number] = compare(reference, None, _name(reference, number), strict)
    run.report()
    if done and not n_found and n_gold:
        warn("RX171", n=len(done), advice=no_mentions_advice(nlp, run.mentions))
    yield from (done[number] for number in sorted(done))


def _name(doc: Doc, number: int) -> str:
    return str(doc.user_data.get("id", number + 1))


def compare(reference: Doc, predicted: Doc | None, name: str, strict: bool) -> PageDoc:
    """A gold document with its relations and the predicted ones, each right, missed or wrong.

    predicted: of the same text; None where the pipeline dropped it. strict: types of mentions must agree.
    Where a pair has gold relations that are missed and others that are wrong, each stands in the place of one.
    """
    from ..viz.page_data import PageDoc

    page = PageDoc.of(reference, name, ())
    sides = _Sides(reference, predicted, strict)
    left: tuple[dict[PairKey, list[str]], ...] = (defaultdict(list), defaultdict(list))
    for mine, other, into in ((sides.gold, sides.pred, left[0]), (sides.pred, sides.gold, left[1])):
        for pair, label in sorted(mine.keys() - other.keys(), key=lambda item: (-mine[item].score, item[1])):
            into[pair].append(label)
    add = _Adder(page, sides)
    for item, relation in sides.gold.items():
        pair, label = item
        if item in sides.pred:
            add(sides.pred[item], item, "right")
            continue
        instead = _opposite(left[0][pair], left[1][pair], label)
        add(relation, item, "missed", instead, OTHER if instead else sides.why_missed(pair, label))
    for item, relation in sides.pred.items():
        if item not in sides.gold:
            pair, label = item
            instead = _opposite(left[1][pair], left[0][pair], label)
            add(relation, item, "wrong", instead, OTHER if instead else sides.why_wrong(pair, label))
    return page


def _opposite(mine: list[str], others: list[str], label: str) -> str:
    place = mine.index(label)
    return others[place] if place < len(others) else ""


class _Sides:
    """Gold and predicted relations of a document, by what must agree: (pair of mentions, label)."""

    def __init__(self, reference: Doc, predicted: Doc | None, strict: bool):
        from ..evaluation.scorer import DocView
        from ..viz._text import mentions_of

        self._strict = strict
        self._dropped = predicted is None
        self.names = {} if predicted is None else get_type_names(predicted)
        views = [DocView(doc, False, self.names) if doc is not None else None for doc in (reference, predicted)]
        self.gold, self.pred = (self._items(view) for view in views)
        self._mentions: list[set[Any]] = [
            {view.key(mention, strict) for mention in mentions_of(doc)} if view and doc is not None else set()
            for view, doc in zip(views, (reference, predicted))
        ]
        self._covered = {pair for pair, _ in self.gold}
        view = views[1]
        if view is not None and view.candidates is not None:
            self._covered = view.candidate_pairs(strict, self._covered)[1]
            self._mentions[1].update(key for pair in self._covered for key in pair)

    def _items(self, view: DocView | None) -> dict[tuple[PairKey, str], Relation]:
        found: dict[tuple[PairKey, str], Relation] = {}
        if view is None:
            return found
        for relation in view.relations:
            if relation.label != NO_RELATION:
                pair = (view.key(relation.head, self._strict), view.key(relation.tail, self._strict))
                found.setdefault((pair, relation.label), relation)
        return found

    def why_missed(self, pair: PairKey, label: str) -> str:
        if self._dropped:
            return DROPPED
        if not self._mentions[1].issuperset(pair):
            return NOT_FOUND
        if (pair[::-1], label) in self.pred and (pair[::-1], label) not in self.gold:
            return TURNED
        return NOTHING if pair in self._covered else NO_PAIR

    def why_wrong(self, pair: PairKey, label: str) -> str:
        if not self._mentions[0].issuperset(pair):
            return NOT_GOLD
        return TURNED if (pair[::-1], label) in self.gold and (pair[::-1], label) not in self.pred else NO_GOLD


class _Adder:
    """Adds relations to a page's document, gold mentions for those that agree with them."""

    def __init__(self, page: PageDoc, sides: _Sides):
        self._page = page
        self._strict = sides._strict
        self._places: dict[Any, int] = {}
        for i, (start, end, kind) in enumerate(page.mentions):
            place = (start, end, sides.names.get(kind, kind)) if self._strict else (start, end)
            self._places.setdefault(place, i)

    def __call__(
        self, relation: Relation, item: tuple[PairKey, str], verdict: str, other: str = "", why: str = ""
    ) -> None:
        from ..viz.page_data import PageRelation

        (head, tail), label = item
        ends = (self._place(head, relation.head.label), self._place(tail, relation.tail.label))
        found = PageRelation(ends[0], label, ends[1], relation.score, support_of(relation), verdict, other, why)
        self._page.relations.append(found)

    def _place(self, key: Any, kind: str) -> int:
        if key not in self._places:
            self._places[key] = len(self._page.mentions)
            self._page.mentions.append((key[0], key[1], kind))
        return self._places[key]
