"""Training that goes on from the weights of another pipeline, and that moves some parameters only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import spacy
import torch
from spacy.language import Language
from spacy.training import Example

from ...data.extensions import primary_langs
from ...errors import RelxError, warn
from ..copies import leading
from ..parts import NO_LANGUAGE
from ..routes import ROUTINGS, known_langs, route_table, switcher_of, tells_langs
from ..task import AnyModel, Task, layers_of
from .order import components_before

if TYPE_CHECKING:
    from .trained import TrainedPipe

#: Names of parameters that an error gives for a pattern that matches none.
_NEAREST = 5


def load_source(path: str | Path, name: str, kind: type) -> Any:
    """The component of that name in a saved pipeline. RAISES: RelxError RX260 where there is none of this kind."""
    try:
        source = spacy.load(path)
    except RelxError:  # it says which file is damaged
        raise
    except Exception as err:  # whatever spaCy and other packages' components make of damaged files
        raise RelxError("RX260", name=name, path=path, reason=f"it is no pipeline: {err}") from err
    if name not in source.pipe_names:
        reason = f"it has no component of that name, only {', '.join(source.pipe_names) or 'none at all'}."
        raise RelxError("RX260", name=name, path=path, reason=reason)
    pipe = source.get_pipe(name)
    if type(pipe) is not kind:
        raise RelxError("RX260", name=name, path=path, reason=f"its '{name}' is a {type(pipe).__name__}.")
    return pipe


def copy_weights(pipe: TrainedPipe, source: TrainedPipe, path: str | Path) -> set[str]:
    """Give the pipe's layers the weights of the source's layers of the same name (see `_counterparts`), as far as
    shapes allow it: a table or matrix with more rows keeps its own further rows.

    RETURNS: the names (`parameters`) of what now has the source's values alone. RAISES: RelxError RX260 where nothing
    fits, or languages come to sub-modules in another way.
    """
    _check_routing(pipe, source, path)
    copied, whole = 0, set()
    for node, old in _counterparts(pipe.model, source.model):
        ours, theirs = (
            [layer for at, layer in layers_of(each) if at is each and layer.is_built] for each in (node, old)
        )
        for new_layer, old_layer in zip(ours, theirs):
            taken = _copy_state(new_layer.network, old_layer.network)
            copied += len(taken)
            whole |= {f"{node.name}.{name}" for name, is_whole in taken.items() if is_whole}
        for param in node.param_names:
            if old.has_param(param) and old.get_param(param).shape == node.get_param(param).shape:
                node.set_param(param, old.get_param(param))
                copied += 1
    if not copied:
        raise RelxError("RX260", name=pipe.name, path=path, reason="no weight has a layer of the same name and shape.")
    return whole


def _check_routing(pipe: TrainedPipe, source: TrainedPipe, path: str | Path) -> None:
    """RAISES: RelxError RX260 where one has sub-modules that languages share, and the other one for each of them."""
    switchers = [switcher_of(each.model) for each in (pipe, source)]
    ours, theirs = (each is not None and ROUTINGS[each.one_to_one] for each in switchers)
    if ours and theirs and ours != theirs:
        reason = f"the routing of its switcher is '{theirs}', not '{ours}', so no sub-module is what it was there."
        raise RelxError("RX260", name=pipe.name, path=path, reason=reason)


def _counterparts(model: AnyModel, source: AnyModel) -> Iterator[tuple[AnyModel, AnyModel]]:
    """Layers of the same name in both, the first with the first, the second with the second, and so on: spaCy's own
    encoders have several of a name."""
    layers: dict[str, list[AnyModel]] = {}
    for node in source.walk():
        layers.setdefault(node.name, []).append(node)
    seen: Counter[str] = Counter()
    for node in model.walk():
        place = seen[node.name]
        seen[node.name] += 1
        if place < len(layers.get(node.name, ())):
            yield node, layers[node.name][place]


def _copy_state(module: torch.nn.Module, source: torch.nn.Module) -> dict[str, bool]:
    """RETURNS: for each name that took values of the source whether all of its values are."""
    state, taken = module.state_dict(), {}
    for name, old in source.state_dict().items():
        values = leading(state[name], old) if name in state else None
        if values is not None:
            taken[name] = state[name].shape == old.shape
            state[name] = values
    module.load_state_dict(state)
    return taken


def check_held(pipe: TrainedPipe, taken: set[str], path: str | Path) -> None:
    """WARNS: RX275 where parameters are held still that are not, or not wholly, the source's. taken: of
    `copy_weights`."""
    held = [name for name, each in parameters(pipe.model) if not each.requires_grad and name not in taken]
    if held:
        names = ", ".join(held[:_NEAREST]) + (", ..." if len(held) > _NEAREST else "")
        warn("RX275", name=pipe.name, path=path, n=len(held), names=names)


def parameters(model: AnyModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The parameters of our own layers in a model: ("layer.parameter", parameter)."""
    for node, layer in layers_of(model):
        if layer.is_built:
            yield from ((f"{node.name}.{name}", each) for name, each in layer.network.named_parameters())


def train_only(pipe: TrainedPipe, patterns: Sequence[str]) -> None:
    """Let training move the parameters alone whose names (`parameters`) match one of the patterns.

    RAISES: RelxError RX021 without patterns, RX261 for a pattern that matches none, RX262 for layers of spaCy's own
    that none matches.
    """
    if not patterns:
        raise RelxError("RX021", name="train", value=[], need="patterns of what to train, or null for everything")
    named = dict(parameters(pipe.model))
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise _names_nothing(pattern, pipe.name, list(named))
    for node in pipe.model.walk():
        if node.param_names and not any(fnmatchcase(f"{node.name}.{p}", q) for p in node.param_names for q in patterns):
            raise RelxError("RX262", layer=node.name, name=pipe.name)
    for name, parameter in named.items():
        parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in patterns))


def _names_nothing(pattern: str, name: str, known: Sequence[str]) -> RelxError:
    """RX261: the parameters counted by their layers, and those with names that are like the pattern."""
    layers = Counter(each.partition(".")[0] for each in known)
    nearest = get_close_matches(pattern.rstrip("*?"), known, n=_NEAREST, cutoff=0.0)
    groups = ", ".join(f"{layer}.* ({n})" for layer, n in layers.items())
    return RelxError(
        "RX261", pattern=pattern, name=name, n=len(known), groups=groups or "none", nearest=", ".join(nearest) or "none"
    )


class Langs(NamedTuple):
    """Languages that layers tell apart.

    Args:
        codes: The languages.
        n_old: The first so many of them come from the pipeline that training starts from.
        old_modules: Sub-modules that each of these may use; empty where they may use all.
        unseen: Those without training data, in that pipeline's training or here; none where no Example has a language.
    """

    codes: list[str]
    n_old: int
    old_modules: list[int]
    unseen: list[str]

    def added_to(self, task: Task) -> Task:
        """The task with these languages."""
        return replace(task, langs=tuple(self.codes), n_old_langs=self.n_old, old_modules=tuple(self.old_modules) or 0)


def find_langs(
    pipe: TrainedPipe,
    nlp: Language | None,
    get_examples: Callable[[], Iterable[Example]],
    source: TrainedPipe | None,
) -> Langs:
    """The languages that layers of a model tell apart; none where no layer does.

    These are those that the source has routes for, then those of a component before this one that has languages, or
    else of the Examples, or of a source without routes.

    Warns:
        RX266: Where there are no languages.
    """
    if not tells_langs(pipe.model):
        return Langs([], 0, [], [])
    old_switcher = None if source is None else switcher_of(source.model)
    earlier = (known_langs(source.model) or []) if source is not None else []
    known = earlier if old_switcher is not None else []
    router = _router_before(pipe.name, nlp)
    named = list(router.langs) if router is not None else []
    found = primary_langs(eg.reference for eg in get_examples())
    unseen = [lang for lang in named if lang not in {*found, *known}] if found else []
    codes = list(dict.fromkeys([*known, *(named or found)])) or earlier
    if router is not None:
        router.add_langs(known)  # or it would send those of the source on the way of unknown ones
    if not codes:
        warn("RX266", name=pipe.name)
        codes = [NO_LANGUAGE]
    old_modules = old_switcher.reach() if old_switcher is not None and not old_switcher.one_to_one else []
    return Langs(codes, len(known) if old_modules else 0, old_modules, unseen)


def check_routes(pipe: TrainedPipe, unseen: Sequence[str]) -> None:
    """WARNS: RX276 where the model has routes for languages without training data."""
    names = sorted(set(unseen) & set(route_table(pipe.model)))
    if names:
        warn("RX276", name=pipe.name, langs=", ".join(names))


def _router_before(name: str, nlp: Language | None) -> Any:
    """The component before that one that holds languages, if there is one."""
    for _, each in reversed(components_before(nlp, name)):
        if getattr(each, "langs", None):
            return each
    return None
