"""Settings of registered architectures: written once, checked where they are written.

A class or function that a config names is decorated with `architecture`. Its keyword-only parameters are its settings;
their types say what they may be: `Positive`, `Probability`, `Share`, `Count`, `Literal`, or one of these or None.

```python
@architecture
class SoftmaxClassifier(nn.Module):
    def __init__(self, width: int, n_labels: int, *, label_smoothing: Probability = 0.0): ...
```

The registered name of a class leads to its `configure`, which takes the settings, checks them and returns a function
of the other parameters: sizes, which are known once the model is initialised. Of a class without sizes it returns an
instance. The registered name of a function leads to itself.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial, wraps
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..errors import RelxError

_T = TypeVar("_T", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may be.

    Args:
        need: What an error calls them, such as "more than 0".
        least: The smallest one.
        most: The greatest one.
        above: They are greater than this.
        below: They are smaller than this.
    """

    need: str
    least: float = float("-inf")
    most: float = float("inf")
    above: float = float("-inf")
    below: float = float("inf")

    def holds(self, value: object) -> bool:
        """Whether this is a number in the range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.least <= value <= self.most and self.above < value < self.below


#: More than 0.
Positive = Annotated[float, Range("more than 0", above=0)]
#: 0 or more.
NotNegative = Annotated[float, Range("0 or more", least=0)]
#: In [0, 1): as dropout, 1 would leave nothing.
Probability = Annotated[float, Range("in [0, 1)", least=0, below=1)]
#: In [0, 1].
Fraction = Annotated[float, Range("in [0, 1]", least=0, most=1)]
#: In (0, 1].
Share = Annotated[float, Range("in (0, 1]", above=0, most=1)]
#: A whole number, 1 or more.
Count = Annotated[int, Range("1 or more", least=1)]
#: A whole number, 0 or more; most often 0 leaves something out.
CountOrZero = Annotated[int, Range("0 or more", least=0)]
#: Rows of a table whose row 0 stands for something of its own.
Rows = Annotated[int, Range("2 or more", least=2)]


def architecture(made: _T) -> _T:
    """Check the settings of a class or function whenever it is called; see the module.

    A class may have a static method `check_settings`, which gets all settings and checks what concerns several.

    Args:
        made: The class or function.

    Returns:
        The same. A class has `configure` besides.

    Raises:
        RelxError: RX021, when it is called, for a setting that is not of its type.
    """
    if not isinstance(made, type):
        return _described(_checked(made, made, None), made, inspect.signature(made).parameters.values())  # type: ignore
    init = made.__init__  # type: ignore[misc]
    together = getattr(made, "check_settings", None)
    made.__init__ = _checked(init, init, together)  # type: ignore[misc]
    _, *parameters = inspect.signature(init).parameters.values()
    settings = [each for each in parameters if each.kind is each.KEYWORD_ONLY]

    def configure(**values: Any) -> Any:
        if len(settings) == len(parameters):
            return made(**values)
        _check(init, values, together)
        return partial(made, **values)

    configure.__doc__ = f"{made.__doc__ or ''}\n\n{init.__doc__ or ''}".strip()
    configure.__name__, configure.__qualname__ = made.__name__, f"{made.__qualname__}.configure"
    configure.__module__ = made.__module__
    made.configure = staticmethod(_described(configure, init, settings))  # type: ignore[attr-defined]
    return made


def _described(
    call: Callable[..., Any], described: Callable[..., Any], parameters: Iterable[inspect.Parameter]
) -> Callable[..., Any]:
    """The callable with these parameters, as spaCy reads them; it does not see choices, for which RX021 says more."""
    shown = [
        each.replace(annotation=Any) if _is_choice(_resolved(described, each.annotation)) else each
        for each in parameters
    ]
    call.__annotations__ = {each.name: each.annotation for each in shown}
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return call


def _is_choice(hint: Any) -> bool:
    return get_origin(hint) is Literal or any(get_origin(part) is Literal for part in get_args(hint))


def _checked(call: Callable[..., Any], described: Callable[..., Any], together: Any) -> Callable[..., Any]:
    @wraps(call)
    def checked(*args: Any, **values: Any) -> Any:
        _check(described, values, together)
        return call(*args, **values)

    return checked


def _check(described: Callable[..., Any], values: Mapping[str, Any], together: Callable[..., None] | None) -> None:
    settings = _settings(described)
    for name, value in values.items():
        needs = settings[name][1] if name in settings else []
        if needs and not any(fits(value) for _, fits in needs):
            raise RelxError("RX021", name=name, value=value, need=" or ".join(need for need, _ in needs))
    if together is not None:
        given = {name: values.get(name, default) for name, (default, _) in settings.items()}
        if inspect.Parameter.empty not in given.values():
            together(**given)


_Needs = list[tuple[str, Callable[[Any], bool]]]


@cache
def _settings(described: Callable[..., Any]) -> dict[str, tuple[Any, _Needs]]:
    """For each setting its default, and what it may be: what an error says, and whether a value is that."""
    found = {}
    for each in inspect.signature(described).parameters.values():
        if each.kind is each.KEYWORD_ONLY:
            needs = list(_alternatives(_resolved(described, each.annotation)))
            found[each.name] = each.default, needs if all(need for need, _ in needs) else []
    return found


def _resolved(described: Callable[..., Any], hint: Any) -> Any:
    """A type that may be written as a string. One that only type checkers know has no bounds."""
    holder = type("Holder", (), {"__annotations__": {"it": hint}})
    try:
        return get_type_hints(holder, vars(sys.modules[described.__module__]), include_extras=True)["it"]
    except NameError:
        return Any


def _alternatives(hint: Any) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """What a type allows; "" for what has no bounds, so that anything passes."""
    origin = get_origin(hint)
    if origin is Union or origin is UnionType:
        for part in get_args(hint):
            yield from _alternatives(part)
    elif hint is type(None):
        yield "null", lambda value: value is None
    elif origin is Literal:
        known = get_args(hint)
        yield "one of " + ", ".join(map(str, known)), lambda value: value in known
    else:
        bounds = [each for each in get_args(hint)[1:] if isinstance(each, Range)] if origin is Annotated else []
        yield (bounds[0].need, bounds[0].holds) if bounds else ("", lambda value: True)
