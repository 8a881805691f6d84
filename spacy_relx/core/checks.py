"""Checks of settings, for the functions that configs name. None, where a setting may be null, passes them all."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RelxError


def check_at_least(least: int, **settings: float | None) -> None:
    """RAISES: RelxError RX021 for a setting that is less."""
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise RelxError("RX021", name=name, value=value, need=f"{least} or more")


def check_positive(**settings: float | None) -> None:
    """RAISES: RelxError RX021 for a setting that is not more than 0."""
    for name, value in settings.items():
        if value is not None and not value > 0:
            raise RelxError("RX021", name=name, value=value, need="more than 0")


def check_probability(**settings: float | None) -> None:
    """RAISES: RelxError RX021 for a setting that is not in [0, 1): of dropout, 1 would leave nothing."""
    for name, value in settings.items():
        if value is not None and not 0 <= value < 1:
            raise RelxError("RX021", name=name, value=value, need="in [0, 1)")


def check_one_of(known: Sequence[str], **settings: str | None) -> None:
    """RAISES: RelxError RX021 for a setting that is none of the known ones."""
    for name, value in settings.items():
        if value is not None and value not in known:
            raise RelxError("RX021", name=name, value=value, need="one of " + ", ".join(known))


def check_pair_settings(
    *, hidden: int, dropout: float, between_heads: int, marker_width: int, pair_rows: int, window: int = 0
) -> None:
    """Those of `nn.pairs.PairFeatures`. RAISES: RelxError RX021 where they make no sense."""
    check_at_least(1, hidden=hidden)
    check_at_least(0, marker_width=marker_width, window=window, between_heads=between_heads, pair_rows=pair_rows)
    check_probability(dropout=dropout)
    if between_heads and hidden % between_heads:
        raise RelxError("RX021", name="hidden", value=hidden, need=f"a multiple of between_heads ({between_heads})")
