"""The commands of the documentation: bash expands them, then each is run in this process, or read by its own parser.

Bash itself reads a block, with functions in the place of the programs that write down what they were called with, so
loops, variables, quotes and patterns mean what they mean to a reader who pastes the block. No program is started.
"""

from __future__ import annotations

import argparse
import re
import runpy
import shutil
import subprocess
from configparser import ConfigParser
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
import srsly
import typer
from spacy.util import load_config
from typer.testing import CliRunner

from spacy_relx.cli import relx_app
from support.cli import options, run_spacy
from support.config import ROOT, overrides, unknown_settings
from support.docs import INSTALLED

PROGRAMS = ("python", "pip", "make", "git", "curl")
#: Settings of a training that only shows that it runs, and of one that learns a handful of sentences by heart.
QUICK = {"training.max_steps": 2, "training.eval_frequency": 2}
LEARN = {
    "training.max_steps": 60,
    "training.eval_frequency": 60,
    "training.optimizer.learn_rate.initial_rate": 0.01,
    "components.relation_extractor.model.pairs.dropout": 0.0,
}
#: Train from a config: the kind of pipeline that stands for the trained one.
KINDS = {"joint": "joint", "mere_": "joint", "smiler": "joint", "bags": "facts", "amnre": "facts", "hrere": "facts"}


class Call(NamedTuple):
    """A program as a block calls it. line: of the block, from 1."""

    line: int
    args: list[str]


class Wrong(AssertionError):
    """What is wrong with a command."""


def expand(script: str, folder: Path, before: str = "") -> list[Call]:
    """What a block calls, in order. before: assignments of blocks above it. RAISES: Wrong, what bash says."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    functions = "".join(f'{name}() {{ printf "%s\\0" "$#" "${{BASH_LINENO[0]}}" {name} "$@"; }}\n' for name in PROGRAMS)
    path = folder / ".block.sh"
    # nothing is started, so nothing runs in the background: the order of calls stays
    path.write_text(re.sub(r"(?<!&) &$", "", script, flags=re.MULTILINE).replace("$!", "0"), encoding="utf8")
    functions += "kill() { :; }\n"  # what it would end was never started
    start = f"set -eu\nPATH=\n{functions}\n{before}\n. ./.block.sh"
    done = subprocess.run([bash, "-c", start], cwd=folder, capture_output=True, encoding="utf8", timeout=20)
    path.unlink()
    if done.returncode:
        raise Wrong(done.stderr.strip())
    fields = done.stdout.split("\0")[:-1]
    calls = []
    while fields:
        n, line = int(fields[0]), int(fields[1])
        calls.append(Call(line, fields[2 : n + 3]))
        fields = fields[n + 3 :]
    return calls


def assignments(script: str) -> str:
    """The variables that a block sets on lines of their own, with lines that go on."""
    joined = re.sub(r"\\\n", " ", script)
    return "\n".join(re.findall(r"^[A-Z]+=.*$", joined, re.MULTILINE)) + "\n"


class Commands:
    """Runs the commands of a page in its folder.

    Trainings are run, with few updates, where their config needs neither a GPU nor a transformer.

    pipelines: kind -> folder of a trained pipeline, which is put in the place of what few updates have trained, and
    then once for each config; none where the page goes on with that. only_read: whether a command line is to be read by
    its parser and not run. make: what `make TARGET` leaves in the folder.
    """

    def __init__(
        self,
        folder: Path,
        pipelines: dict[str, Path],
        only_read: Callable[[str], bool],
        make: Callable[[str], None] = lambda target: None,
    ):
        self.folder, self.pipelines, self.only_read, self.make = folder, pipelines, only_read, make
        self.trained: set[str] = set()  # configs
        self.ran: list[str] = []
        self.read: list[str] = []
        self.output = ""
        self.client: Any = None  # of a service that a command has started

    def __call__(self, args: list[str]) -> None:
        """Run or read one command. RAISES: Wrong."""
        line = " ".join(args)
        if args[:3] == ["python", "-m", "spacy"]:
            self._spacy(args[3:], line)
        elif args[:2] == ["python", "-c"]:
            self._code(args[2], line)
        elif args[0] == "python" and args[1].endswith(".py"):
            self._script(args[1], args[2:], line)
        elif args[0] == "curl":
            self._curl(args[1:], line)
        else:
            readers = {"make": read_make, "pip": read_pip}
            if args[0] not in readers:
                raise Wrong(f"nobody knows how to check: {line}")
            readers[args[0]](args[1:])
            self.read.append(line)
            if args[0] == "make":
                for target in args[1:]:
                    self.make(target)

    def _spacy(self, args: list[str], line: str) -> None:
        readers = {"train": self._train, "project": self._project, "relx": self._relx}
        if args[0] in readers:
            readers[args[0]](args[1:])
            return
        read_spacy(args)
        if self.only_read(line):
            self.read.append(line)
            return
        self.output = run_spacy(*args)
        self.ran.append(line)

    def _project(self, args: list[str]) -> None:
        """`project document` is run, in a copy of its file; workflows are read."""
        read_project(args)
        if args[0] == "document":
            self.output = run_spacy("project", *args)
            self.ran.append("project " + " ".join(args))
        else:
            self.read.append("project " + " ".join(args))

    def _relx(self, args: list[str]) -> None:
        line = "relx " + " ".join(args)
        context = parse(typer.main.get_command(relx_app), args)
        if args[0] == "train":
            self._train(args[1:], ["relx", "train"])
            return
        if args[0] == "serve":
            self._serve(context.params)
            self.ran.append(line)
            return
        synopsis = any(arg.endswith("...") for arg in args)
        if synopsis or self.only_read(line):
            self.read.append(line)
            return
        if "--workers" in args:  # in this process: starting others takes longer than their work
            args[args.index("--workers") + 1] = "0"
        result = CliRunner().invoke(relx_app, args)
        self.output = result.stdout
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if result.exit_code:
            raise Wrong(f"{line}\n{result.output}")
        self.ran.append(line)

    def _serve(self, params: dict[str, Any]) -> None:
        """The service of these options, in this process and without a port."""
        import spacy
        from fastapi.testclient import TestClient

        from spacy_relx.run.serving import Limits, create_app

        limits = Limits(**{name: value for name, value in params.items() if name in Limits.__dataclass_fields__})
        self.client = TestClient(create_app(spacy.load(params["model"]), limits))

    def _curl(self, args: list[str], line: str) -> None:
        """Ask the service that a command above has started. RAISES: Wrong where it refuses."""
        parser = argparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("url")
        parser.add_argument("--silent", action="store_true")
        parser.add_argument("--retry-connrefused", action="store_true")
        for name in ("--retry", "--retry-delay", "--header", "--data"):
            parser.add_argument(name)
        asked = parser.parse_args(args)
        path = re.sub(r"^https?://[\w.:]+", "", asked.url)
        headers = dict([asked.header.split(": ", 1)]) if asked.header else {}
        data = asked.data and asked.data.encode()
        if self.client is None:
            raise Wrong(f"no service was started: {line}")
        answer = self.client.request("POST" if data else "GET", path, content=data, headers=headers)
        if answer.status_code != 200:
            raise Wrong(f"{line}: {answer.text}")
        self.output += answer.text + "\n"
        self.ran.append(line)

    def _train(self, args: list[str], command: list[str] = ["train"]) -> None:  # noqa: B006
        """Check config, settings and options, and train a little; put a small trained pipeline where one is given."""
        params = read_spacy([*command, *args]).params
        config = params.get("config_path", params.get("config"))
        output = params.get("output_path", params.get("output"))
        path = str(config)
        if not (ROOT / path).is_file():
            raise Wrong(f"no such config: {path}")
        line = " ".join(["python -m spacy", *command, *map(quoted, args)])
        check_settings(path, line)
        seen = self.pipelines and path in self.trained
        heavy = "--gpu-id" in args or re.search("[tT]ransformer", Path(path).read_text(encoding="utf8"))
        if seen or heavy or self.only_read(line):
            self.read.append(line)
        else:
            settings = QUICK if self.pipelines else LEARN
            run_spacy(*command, *args, *options({**installed_paths(path, args), **settings}))
            self.trained.add(path)
            self.ran.append(line)
        if output is not None and self.pipelines:
            name = config.name
            kind = next((kind for start, kind in KINDS.items() if name.startswith(start)), "relations")
            # what goes on from model-last goes on from what was trained here
            for part in ("model-best", *(["model-last"] if path not in self.trained else [])):
                shutil.copytree(self.pipelines[kind], output / part, dirs_exist_ok=True)

    def _script(self, name: str, args: list[str], line: str) -> None:
        """A script of the repository: its own parser reads the arguments, and nothing more is done."""
        path = ROOT / name
        if not path.is_file():
            raise Wrong(f"no such script: {name}")
        check_settings(next((arg for arg in args if "configs/" in arg), None), " ".join(map(quoted, args)))
        read_script(path, args)
        self.read.append(line)

    def _code(self, source: str, line: str) -> None:
        code = compile(source, line, "exec")
        for package in re.findall(r"\b(gt_\w+)", source):  # a model that is a package, installed or not
            pytest.importorskip(package)
        with redirect_stdout(StringIO()) as printed:
            exec(code, {})
        self.output = printed.getvalue()
        self.ran.append(line)


def installed_paths(path: str, args: list[str]) -> dict[str, str]:
    """Settings for pipelines that the config names and tests have by another name."""
    paths = load_config(ROOT / path)["paths"].items()
    return {f"paths.{key}": INSTALLED[v] for key, v in paths if v in INSTALLED and f"--paths.{key}" not in args}


def quoted(part: str) -> str:
    import shlex

    return shlex.quote(part)


def check_settings(path: str | None, line: str) -> None:
    _, found = overrides(line)
    unknown = unknown_settings(path, found)
    if unknown:
        raise Wrong(f"{path} has no {', '.join(unknown)}")


def parse(command: Any, args: list[str]) -> Any:
    """Let a command's own parser read the arguments. RETURNS: the context. RAISES: Wrong."""
    try:
        context = command.make_context(command.name, list(args))
    except Exception as err:  # whatever the parser's version raises, of its own kind
        reason = err.format_message() if hasattr(err, "format_message") else err
        raise Wrong(f"{command.name} {' '.join(args)}: {reason}") from err
    if hasattr(command, "commands"):
        rest = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        if not rest or rest[0] not in command.commands:
            raise Wrong(f"no such command: {' '.join(args)}")
        return parse(command.commands[rest[0]], rest[1:])
    return context


def read_spacy(args: list[str]) -> Any:
    from spacy.cli._util import app

    return parse(typer.main.get_command(app), args)


def read_project(args: list[str]) -> None:
    folder = next((arg for arg in args[1:] if arg.startswith("projects/")), ".")
    project = srsly.read_yaml(ROOT / folder / "project.yml")
    names = {*project["workflows"], *(command["name"] for command in project["commands"])}
    if args[0] == "run" and args[1] not in names:
        raise Wrong(f"project.yml has no {args[1]}")
    variables = [arg.removeprefix("--vars.") for arg in args if arg.startswith("--vars.")]
    unknown = [name for name in variables if name not in project["vars"]]
    if unknown:
        raise Wrong(f"project.yml has no variables {unknown}")
    fixed, rest = [], list(args)
    while rest:  # overrides are read by the command itself, not by its parser
        part = rest.pop(0)
        if part.startswith("--vars."):
            rest.pop(0)
        else:
            fixed.append(part)
    read_spacy(["project", *fixed])


def read_make(args: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.MULTILINE)
    wrong = [arg for arg in args if "=" not in arg and arg not in targets]
    if wrong or not args:
        raise Wrong(f"the Makefile has no {wrong}")


def read_pip(args: list[str]) -> None:
    """Extras exist, pins are those of constraints.txt."""
    from packaging.requirements import Requirement

    if args[0] != "install":
        raise Wrong("pip " + " ".join(args))
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf8"), re.MULTILINE))
    rest = list(args[1:])
    while rest:
        part = rest.pop(0)
        if part in ("-e", "--no-deps"):
            continue
        if part == "-c":
            if Path(rest.pop(0)).name != "constraints.txt":
                raise Wrong("not constraints.txt")
            continue
        need = Requirement(re.sub(r"^(\.|/src)(?=\[|$)", "spacy-relx", part))  # this repository
        if need.name == "spacy-relx":
            unknown = need.extras - set(config["options.extras_require"])
        else:
            unknown = set() if need.name in pins and need.specifier.contains(pins[need.name]) else {part}
        if unknown:
            raise Wrong(f"not in setup.cfg or constraints.txt: {sorted(unknown)}")


class _Parsed(BaseException):
    """The arguments of a script were read."""


def read_script(path: Path, args: list[str]) -> None:
    """Run a script up to where it has read its arguments. RAISES: Wrong, what its parser says."""
    with pytest.MonkeyPatch.context() as patch:
        plain = argparse.ArgumentParser.parse_args

        def stop(parser: argparse.ArgumentParser, *_: Any) -> None:
            plain(parser, args)
            raise _Parsed

        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.syspath_prepend(path.parent)
        said = StringIO()
        try:
            with redirect_stderr(said):
                runpy.run_path(str(path), run_name="__main__")
        except _Parsed:
            return
        except SystemExit as err:
            raise Wrong(said.getvalue()) from err
    raise Wrong(f"{path.name} reads no arguments")
