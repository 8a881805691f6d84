"""Settings of architectures: checked by their types, wherever they are given."""

from typing import Literal

import pytest

from spacy_relx.core.settings import Count, CountOrZero, Positive, Probability, Share, architecture
from spacy_relx.errors import RelxError


@architecture
class Part:
    """A part with sizes."""

    def __init__(
        self,
        width: int,
        *,
        depth: Count = 1,
        hidden: CountOrZero | None = None,
        rate: Positive = 1.0,
        dropout: Probability = 0.0,
        share: Share = 1.0,
        mode: Literal["one", "two"] | None = "one",
        other: object = None,
    ):
        self.width, self.depth, self.mode = width, depth, mode

    @staticmethod
    def check_settings(*, depth, hidden, **settings):
        if hidden == depth:
            raise RelxError("RX021", name="hidden", value=hidden, need="another number than depth")


@architecture
class Whole:
    """A part without sizes."""

    def __init__(self, *, depth: Count):
        self.depth = depth


@architecture
def build(part: object, *, depth: Count = 3) -> int:
    """A function."""
    return depth


WRONG = [
    {"depth": 0},
    {"depth": "many"},
    {"depth": True},
    {"depth": None},
    {"hidden": -1},
    {"rate": 0},
    {"rate": float("nan")},
    {"dropout": 1.0},
    {"dropout": -0.1},
    {"share": 0.0},
    {"share": 1.5},
    {"mode": "three"},
    {"depth": 2, "hidden": 2},
    {"hidden": 1},
]


@pytest.mark.parametrize("settings", WRONG, ids=str)
@pytest.mark.parametrize("call", [Part.configure, lambda **settings: Part(3, **settings)], ids=["configure", "call"])
def test_what_no_type_allows(call, settings):
    with pytest.raises(RelxError, match="RX021") as caught:
        call(**settings)
    assert next(reversed(settings)) in str(caught.value)


def test_what_they_allow():
    settings = {"depth": 2, "hidden": 0, "rate": 1e-3, "dropout": 0.5, "share": 1, "mode": None, "other": [1]}
    part = Part.configure(**settings)(7)
    assert (part.width, part.depth, part.mode) == (7, 2, None)
    assert Part.configure(hidden=None)(1).depth == 1
    assert Whole.configure(depth=4).depth == 4 and build(None) == 3
    with pytest.raises(RelxError, match=r"RX021.*'depth' is 0, but must be 1 or more"):
        build(None, depth=0)
    with pytest.raises(RelxError, match=r"RX021.*one of one, two or null"):
        Part(1, mode="x")


def test_every_architecture_says_what_each_setting_is():
    """One line a parameter, where the setting is written."""
    import inspect
    import pkgutil

    from spacy_relx.registrations import ARCHITECTURES

    for name, place in ARCHITECTURES.items():
        made = pkgutil.resolve_name(place)
        document = inspect.cleandoc(made.__doc__ or "") + inspect.getdoc(
            made.__init__ if isinstance(made, type) else made
        )
        assert f"`{name}`" in document, name
        for parameter in inspect.signature(made).parameters.values():
            assert f"{parameter.name}: " in document, f"{name}: {parameter.name}"
