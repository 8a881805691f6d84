"""Arguments and options of the commands. What several commands have stands here once, and each short letter means one
thing over all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..data.text_forms import normal_form

TEXTS_HELP = "Texts: .txt (one a line), .jsonl (text, and lang and id where known), .spacy, or - for standard input"
DATA_HELP = "Gold documents: a .spacy file, or a folder of such"
TRIPLES_HELP = "Triples: head, label, tail and tabs between, or .nt, or a folder"

ModelArg = Annotated[str, typer.Argument(help="Pipeline: folder or name")]
DataArg = Annotated[Path, typer.Argument(help=DATA_HELP)]

Alignment = Literal["strict", "expand", "contract"]
Ambiguous = Literal["skip", "first", "all"]
Engine = Literal["local", "spark", "ray"]
Loss = Literal["one-vs-all", "sampled"]
Match = Literal["boundary", "strict"]
Method = Literal["temperature", "isotonic"]
Metric = Literal["micro", "macro"]
OnError = Literal["raise", "skip"]
Optimizer = Literal["adagrad", "adam"]
Pairs = Literal["all", "named"]
SplitBy = Literal["text", "id"]
Style = Literal["rows", "arcs", "browse"]
Task = Literal["relations", "joint", "facts"]
Tool = Literal["prodigy", "brat", "labelstudio", "doccano"]
What = Literal["all", "relations", "facts"]

BatchOpt = Annotated[int | None, typer.Option("--batch-size", "-b", min=1, help="Texts taken at a time")]
CodeOpt = Annotated[Path | None, typer.Option("--code", "-c", help="Python file with additional components")]
GoldMentionsOpt = Annotated[bool, typer.Option("--gold-mentions", help="Give the pipeline the gold mentions")]
GpuOpt = Annotated[int, typer.Option("--gpu-id", "-g", help="Number of the GPU (needs CuPy), or -1 for the CPU")]
KnownOpt = Annotated[Path | None, typer.Option("--known", "-k", help="Triples that are true: which are known, or new")]
LangOpt = Annotated[str | None, typer.Option("--lang", "-l", help="Language of texts that do not say theirs")]
MaxSentencesOpt = Annotated[
    int, typer.Option("--max-sentences", min=0, help="Split bags of more sentences, 0 for no limit")
]
OnErrorOpt = Annotated[OnError, typer.Option("--on-error", help="What cannot be used: stop, or leave it out")]
RowsOpt = Annotated[
    int, typer.Option("--rows", min=0, help="Rows that tables of relations or languages have at most, 0 for all")
]
SeedOpt = Annotated[int, typer.Option("--seed", "-s", help="Seed of all draws")]
ShardSizeOpt = Annotated[int, typer.Option("--shard-size", min=1, help="In folders: bags to a file, at most")]
SymmetricOpt = Annotated[
    str, typer.Option("--symmetric", help="Relations without a direction, with commas; others are seen in the data")
]
TestOpt = Annotated[Path | None, typer.Option("--test", "-t", help="Second output, for test data")]


def output_option(help: str) -> Any:
    """The option of what a command writes."""
    return typer.Option("--output", "-o", help=help)


def model_option(help: str) -> Any:
    """The option of a pipeline that a command uses."""
    return typer.Option("--model", "-m", help=help)


def limit_option(help: str, **settings: Any) -> Any:
    """The option of how many are taken at most."""
    return typer.Option("--limit", "-n", help=help, **settings)


def match_option() -> Any:
    """The option of what must agree besides the label."""
    return typer.Option("--match", help="strict: the types of the mentions must agree too")


def split_names(text: str) -> list[str]:
    """Names with commas between, each once, in the form in which names are looked up."""
    return list(dict.fromkeys(name.strip() for name in normal_form(text).split(",") if name.strip()))


def as_sources(texts: list[str]) -> list[Path]:
    """Names of files, as the calls of the library take them among texts."""
    return [Path(text) for text in texts]
