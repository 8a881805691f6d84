"""Loading pipelines, the code that they need, and the GPU, with errors that say what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..about import __version__
from ..errors import RelxError, sentence
from .files import whole_output
from .types import MENTIONS_KEY

if TYPE_CHECKING:
    from spacy.language import Language

#: What a component declares to assign that proposes pairs of mentions.
CANDIDATES = "doc._.candidates"
#: What a component declares to assign that sets mentions.
MENTION_ATTRIBUTES = frozenset({"doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"})
#: What a component declares to assign that finds something -> what that is, and what to add to a pipeline without.
FINDINGS = {
    "doc._.relations": (
        "relations",
        "an 'entity_type_marker' and behind it a 'relation_extractor' (for mentions that other components find), or a "
        "'joint_extractor' (for mentions and relations)",
    ),
    "doc._.facts": ("facts", "an 'entity_type_marker' and behind it a 'fact_extractor'"),
}
#: Our name among packages.
_DISTRIBUTION = "spacy-relx"
#: A requirement of ours: its extras, and what follows them, versions most often.
_REQUIREMENT = re.compile(r"spacy[-_.]relx(?![\w.-])\s*(?:\[([^\]]*)\])?(.*)", re.IGNORECASE)


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


def require_extras(nlp: Language | None, extras: Iterable[str]) -> None:
    """Note what a pipeline needs of this package's extras in its meta, where `spacy package` looks: from the config it
    knows the package alone, without extras.

    Args:
        nlp: The pipeline that a component is made for, None for no pipeline. What its meta requires already is kept.
        extras: Names of extras, "" for none.
    """
    from spacy.util import get_minor_version_range

    wanted = set(extras) - {""}
    if nlp is None or not wanted:
        return
    rest = get_minor_version_range(__version__)
    others = []
    for each in nlp.meta.get("requirements") or ():
        own = _REQUIREMENT.fullmatch(each)
        if own is None:
            others.append(each)
        else:
            wanted |= {extra.strip() for extra in (own[1] or "").split(",")} - {""}
            rest = own[2]
    nlp.meta["requirements"] = [*others, f"{_DISTRIBUTION}[{','.join(sorted(wanted))}]{rest}"]


def assigners(nlp: Language, *attributes: str) -> list[str]:
    """Names of the components that declare to set all these attributes, in their order."""
    return [name for name in nlp.pipe_names if all(_assigns(nlp, name, attribute) for attribute in attributes)]


def mention_setters(nlp: Language) -> list[str]:
    """Names of the components that declare to set the mentions that others read, in their order; disabled ones, too.

    Mentions are entities, and spans of a group that a component reads which proposes candidates. A component that does
    not say which group it writes could write any.
    """
    read = {
        getattr(pipe, "spans_key", MENTIONS_KEY) for name, pipe in nlp.components if _assigns(nlp, name, CANDIDATES)
    }
    return [name for name in nlp.component_names if _sets_mentions(nlp, name, read or {MENTIONS_KEY})]


def _sets_mentions(nlp: Language, name: str, read: set[str | None]) -> bool:
    assigned = MENTION_ATTRIBUTES.intersection(nlp.get_pipe_meta(name).assigns)
    if assigned != {"doc.spans"}:
        return bool(assigned)
    config = nlp.get_pipe_config(name)
    return bool(config.get("annotate_ents")) or config.get("spans_key", None) in {None, *read}


def _assigns(nlp: Language, name: str, attribute: str) -> bool:
    return attribute in nlp.get_pipe_meta(name).assigns


def check_finds(nlp: Language, *attributes: str) -> None:
    """Make sure that a component of the pipeline declares to set one of these attributes.

    Args:
        nlp: The pipeline.
        *attributes: Keys of `FINDINGS`; none for any of them.

    Raises:
        RelxError: RX531 where there is none.
    """
    wanted = attributes or tuple(FINDINGS)
    if any(assigners(nlp, attribute) for attribute in wanted):
        return
    what = " or ".join(FINDINGS[attribute][0] for attribute in wanted)
    advice = " or ".join(FINDINGS[attribute][1] for attribute in wanted)
    declared = " or ".join(f"assigns=['{attribute}']" for attribute in wanted)
    names = ", ".join(nlp.pipe_names) or "no components"
    raise RelxError("RX531", what=what, names=names, advice=advice, declared=declared)


def unknown_types(nlp: Language) -> tuple[Counter[str], int]:
    """Mentions by entity type that training never showed, and mentions of any type, that the pipeline's markers have
    counted so far in this process."""
    counters = [pipe.unknown_types for _, pipe in nlp.pipeline if hasattr(pipe, "unknown_types")]
    return sum((each.counts for each in counters), Counter()), sum(each.n_mentions for each in counters)


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


def save_pipeline(nlp: Language, output: str | Path) -> None:
    """Write a pipeline, whole or not at all. RAISES: RelxError RX186."""
    try:
        with whole_output(Path(output)) as place:
            nlp.to_disk(place)
    except RelxError:
        raise
    except OSError as err:
        raise RelxError("RX186", path=output, reason=f"{err.strerror or err}.") from err
