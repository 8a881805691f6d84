"""`relx kb triples` and `relx kb leakage`: annotated documents and a knowledge base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RelxError, warn
from ._app import progress, report_errors
from ._output import check_output, write_output
from .kb import TRIPLES_HELP, kb_app

if TYPE_CHECKING:
    from spacy.tokens import Doc

HEADER = ("head", "label", "tail")
DOCS_HELP = ".spacy files of bags or of sentences with entity ids, or folders of them"


@kb_app.command("triples")
@report_errors
def triples_cli(
    inputs: Annotated[list[Path], typer.Argument(help=DOCS_HELP)],
    output: Annotated[Path, typer.Argument(help="File of triples: head, label, tail and tabs between")],
    exclude: Annotated[
        list[Path] | None,
        typer.Option("--exclude", "-x", help="Leave out the pairs of entities in these documents, repeatable"),
    ] = None,
) -> None:
    """
    Write the facts of annotated documents as a knowledge base, each once: of bags, and of relations between linked
    mentions. Name the test data with --exclude.
    """
    from ..knowledge.from_docs import collect_triples

    if output.suffix == ".nt":
        raise RelxError("RX247", path=output)
    check_output(output, *inputs, *(exclude or []))
    triples, left_out = collect_triples(progress(_docs(inputs), unit=" docs"), _docs(exclude or []))
    if not triples:
        raise RelxError("RX243", paths=", ".join(map(str, inputs)), left_out=left_out)
    for triple in triples:
        if any(name != name.strip() or char in name for name in triple for char in "\t\n\r"):
            raise RelxError("RX244", triple=triple)
    # with a header, or a first triple such as (h, r, t) would be taken for one
    write_output(output, "".join("\t".join(row) + "\n" for row in [HEADER, *triples]))
    typer.secho(f"✔ Saved {len(triples)} triples to {output}, left out {left_out}", fg="green")


@kb_app.command("leakage")
@report_errors
def leakage_cli(
    triples: Annotated[Path, typer.Argument(help=TRIPLES_HELP)],
    test: Annotated[list[Path], typer.Argument(help=DOCS_HELP)],
) -> None:
    """
    Say what a knowledge base tells of the facts in test documents: a model that reads both must not know them.
    """
    from ..knowledge.from_docs import known_facts
    from ..knowledge.read import read_triples

    base = read_triples(triples)
    found = known_facts(base, progress(_docs(test), unit=" docs"))
    typer.echo(f"{triples}: {base}\n{found.summary()}")
    if found.facts:
        warn("RX245", path=triples, n=len(found.facts), total=found.n_facts)


def _docs(paths: list[Path]) -> Iterator[Doc]:
    import spacy

    from ..formats.docbin import read_docs
    from ..formats.reader import corpus_files

    vocab = spacy.blank("xx").vocab
    for path in paths:
        for file in corpus_files(path):
            yield from read_docs(file, vocab)
