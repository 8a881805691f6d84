"""What holds for all commands: their options, and that they hold no logic."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections import defaultdict
from pathlib import Path
from typing import get_args

import pytest
import typer

import spacy_relx as sr
from spacy_relx.cli import relx_app

CLI = Path(sr.__file__).parent / "cli"


def all_commands(group, name=""):
    for part, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{name}{part} ")
        else:
            yield f"{name}{part}", command


COMMANDS = dict(all_commands(typer.main.get_command(relx_app)))
#: Command -> the call of the library that does the same; one that is called alike is left out.
CALLS = {
    "init config": "init_config",
    "init encoder": "init_encoder",
    "data bags": "make_bags",
    "graph build": "build_graph",
    "graph query": "query_graph",
    "kb train": "train_embeddings",
    "kb evaluate": "evaluate_embeddings",
    "kb predict": "complete_triple",
    "kb triples": "collect_triples",
}
#: The function whose settings a call takes besides its own.
SETTINGS = {
    "convert": "spacy_relx.formats.convert:convert",
    "make_bags": "spacy_relx.formats.bag_files:write_bags",
    "align": "spacy_relx.knowledge.align_files:align_to_bags",
    "evaluate": "spacy_relx.evaluation.evaluate:evaluate",
    "calibrate": "spacy_relx.evaluation.calibrate:calibrate",
    "annotate": "spacy_relx.run.run:annotate_corpus",
    "train_embeddings": "spacy_relx.knowledge.complex:ComplExSettings",
}
#: Command -> options that are about what is printed, or that a method of the call's result has.
SHOWN = {
    "data convert": {"problems"},
    "data check": {"rows", "strict", "output"},
    "data constraints": {"rows", "output"},
    "train": set(),
    "evaluate": {"rows", "output", "reliability"},
    "compare": {
        *("rows", "output", "markdown", "curves", "title", "recall_max"),  # compare(...).curves()
        *("transfer", "metric", "langs", "types"),  # compare(...).transfer()
    },
    "calibrate": {"rows"},
    "challenge": {"rows", "output"},
    "error-report": {"output", "title"},
    "routes": {"rows", "output"},
    "predict": {"output"},
    "facts": {"output"},
    "show": {"output"},
    "graph build": {"output", "triples"},
    "graph query": {"format", "graph"},
    "kb evaluate": {"output"},
}


def names_of(command):
    """The names of its parameters, as Python writes them."""
    return {max(p.opts, key=len).lstrip("-").replace("-", "_") for p in command.params} - {"help"}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "serve"])
def test_commands_have_the_names_and_options_of_the_library(name):
    call = CALLS.get(name, name.split()[-1].replace("-", "_"))
    known = set(inspect.signature(getattr(sr, call)).parameters)
    if call in SETTINGS:
        known |= set(inspect.signature(pkgutil.resolve_name(SETTINGS[call])).parameters)
    wanted = names_of(COMMANDS[name])
    assert wanted - known == SHOWN.get(name, set()) - known
    assert SHOWN.get(name, set()) <= wanted


def test_a_short_letter_means_one_thing():
    letters = defaultdict(set)
    for command in COMMANDS.values():
        for param in command.params:
            for short in (opt for opt in param.opts if opt.startswith("-") and not opt.startswith("--")):
                letters[short].add(max(param.opts, key=len))
    assert all(len(names) == 1 for names in letters.values()), letters
    assert letters["-o"] == {"--output"} and letters["-m"] == {"--model"} and letters["-n"] == {"--limit"}


def test_outputs_are_options():
    for name, command in COMMANDS.items():
        arguments = {p.name for p in command.params if p.param_type_name == "argument"}
        assert not arguments & {"output", "folder", "out"}, name
        assert not [p for p in command.params if "--output" in p.opts and "-o" not in p.opts], name


def test_what_to_do_with_errors_is_said_alike():
    found = [p for command in COMMANDS.values() for p in command.params if "--on-error" in p.opts]
    assert len(found) > 5 and all(p.default == "raise" for p in found)
    assert all(get_args(p.type_descriptor.annotation) == ("raise", "skip") for p in found)


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


#: What prints, or makes an argument, an option or a group of commands.
PRINTS = {"echo", "secho", "tqdm", "Option", "Argument", "Typer", "write", "update", "close", "set_postfix"}
#: Lines of a function that does neither.
SMALL = 8


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_commands_hold_no_logic(path):
    """Every function is a command, prints or makes options, or is small; nothing computes."""
    for node in functions(path):
        names = {d.func.id for d in node.decorator_list if isinstance(d, ast.Call) and isinstance(d.func, ast.Name)}
        called = {
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
        }
        body = node.body[ast.get_docstring(node) is not None :]
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert "command" in names or called & PRINTS or lines <= SMALL, f"{path.name}: {node.name}"
        if "command" in names:
            assert sum(isinstance(each, (ast.For, ast.While)) for each in ast.walk(node)) <= 2, node.name
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {module.split(".")[0] for module in modules} & {"torch", "numpy", "pandas", "thinc"}, path.name


def test_the_rule_sees_logic(tmp_path):
    """The reading of functions itself."""
    text = "def command(x):\n" + "    x += 1\n" * 9
    (tmp_path / "bad.py").write_text(text, encoding="utf8")
    with pytest.raises(AssertionError, match=r"bad\.py"):
        test_commands_hold_no_logic(tmp_path / "bad.py")
