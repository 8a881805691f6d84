"""Loading pipelines, the code that they need, and the GPU, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RelxError, sentence

if TYPE_CHECKING:
    from spacy.language import Language


def import_code(path: Path | None) -> None:
    """Import a Python file that registers components or functions. RAISES: RelxError RX188."""
    if path is None:
        return
    from spacy.util import import_file

    try:
        import_file("python_code", path)
    except Exception as err:  # whatever the user's file raises
        raise RelxError("RX188", path=path, reason=f"{type(err).__name__}: {err}") from err


def use_gpu(gpu: int) -> None:
    """Switch to that GPU, -1 for none. RAISES: RelxError RX187."""
    if gpu < 0:
        return
    from thinc.api import require_gpu

    try:
        require_gpu(gpu)
    except Exception as err:  # thinc raises ValueError, cupy and torch errors of their own
        raise RelxError("RX187", gpu=gpu, reason=sentence(err)) from err


def pipeline_name(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Name, with the language before it, as packages of pipelines are called, and version, of a pipeline's meta."""
    return f"{meta['lang']}_{meta.get('name') or 'pipeline'}", str(meta.get("version", ""))


def assigners(nlp: Language, *attributes: str) -> list[str]:
    """Names of the components that declare to set all these attributes, in their order."""
    return [name for name in nlp.pipe_names if {*attributes} <= {*nlp.get_pipe_meta(name).assigns}]


def check_pipeline(model: str) -> None:
    """Make sure that there is such a pipeline, without loading it. RAISES: RelxError RX180."""
    from spacy.util import is_package

    path = Path(model)
    reason = ""
    if path.is_file():
        reason = "it is a file."
    elif path.is_dir():
        reason = "" if (path / "config.cfg").exists() else "the folder has no config.cfg."
    elif "/" in model or "\\" in model:
        reason = "there is no such folder."
    elif not is_package(model):
        reason = "there is no such folder or package."
    if reason:
        raise RelxError("RX180", model=model, reason=reason)


def load_pipeline(model: str) -> Language:
    """`spacy.load`. RAISES: RelxError RX180 for what is no pipeline or cannot be loaded."""
    import spacy

    check_pipeline(model)
    try:
        return spacy.load(Path(model) if Path(model).is_dir() else model)
    except RelxError:
        raise
    except Exception as err:  # whatever spaCy and other packages' components make of damaged files
        raise RelxError("RX180", model=model, reason=sentence(f"{type(err).__name__}: {err}")) from err


@lru_cache(maxsize=1)
def pipeline_of_process(model: str, code: str | None = None, threads: int = 1, gpu: int = -1) -> Language:
    """A pipeline that is loaded once a process, however often the function that needs it is unpickled there.

    code: a Python file to import first. threads: of PyTorch. gpu: its number, -1 for none.
    RAISES: RelxError RX180, RX187, RX188.
    """
    import torch

    torch.set_num_threads(threads)
    use_gpu(gpu)
    import_code(Path(code) if code else None)
    return load_pipeline(model)
