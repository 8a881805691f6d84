"""Fixtures shared by all tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from spacy.language import Language
from support.commands import code, data, model  # noqa: F401  (fixtures)

ROOT = Path(__file__).resolve().parent.parent


@Language.component("relx_test_finds_nothing", assigns=["doc._.relations"])
def finds_nothing(doc):
    """Stands for an extractor, where only the rest of a pipeline matters."""
    return doc


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of shared data sets: $RELX_DATA, else shared/data beside the repository. Skips where it is absent."""
    folder = Path(os.environ.get("RELX_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set RELX_DATA")
    return folder


@pytest.fixture(scope="session")
def data_set(data_folder: Path) -> Callable[[str], Path]:
    """name -> folder of one shared data set; skips where it is absent."""

    def find(name: str) -> Path:
        if not (data_folder / name).is_dir():
            pytest.skip(f"no data set '{name}' at {data_folder}")
        return data_folder / name

    return find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs a script in a process of its own is slow."""
    for item in items:
        if "run_python" in getattr(item, "fixturenames", ()):
            item.add_marker("process")


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., str]:
    """(source, timeout) -> what the script prints. Its own process, so that a hang or a crash fails one test only.

    Modules of the tests' folder can be imported, by worker processes too.
    """

    def run(source: str, timeout: float = 60) -> str:
        script = tmp_path / "script.py"
        script.write_text(source, encoding="utf8")
        path = os.pathsep.join([str(Path(__file__).parent), str(ROOT), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf8", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, encoding="utf8", timeout=timeout, env=env, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def trained():
    """A pipeline with a small relation extractor that knows the sentences of `util` by heart."""
    from support.model import make_nlp, train

    nlp = make_nlp()
    losses = train(nlp)
    assert losses[-1] < 0.05 < losses[0]
    return nlp


@pytest.fixture(scope="session")
def scale_code(tmp_path_factory):
    """The Python file of the component in `scale_model`."""
    from support.scale import make_code

    return make_code(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="session")
def scale_model(tmp_path_factory, scale_code):
    """The folder of the pipeline of `scale_util`."""
    from support.scale import make_pipeline

    return make_pipeline(tmp_path_factory.mktemp("model"), scale_code)


@pytest.fixture
def annotate(scale_model, scale_code, tmp_path):
    """`annotate_corpus` with `scale_model`, in this process, to the folder "out"."""
    from spacy_relx.run import annotate_corpus

    def run(*inputs, output=tmp_path / "out", **settings):
        given = {"workers": 0, "code": scale_code, "shard_size": 3, "batch_size": 2, **settings}
        return annotate_corpus(str(scale_model), [Path(path) for path in inputs], output, **given)

    return run
