"""Colours of entity types, for light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

#: (light background, light ink, dark background, dark ink). Ink on its background has a contrast of at least 4.5:1
#: (WCAG AA), either way round.
COLOURS: tuple[tuple[str, str, str, str], ...] = (
    ("#dbeafe", "#1e40af", "#1e3a6e", "#bfdbfe"),  # blue
    ("#ffe4cc", "#8a3b00", "#5c2e0e", "#fed7aa"),  # orange
    ("#d5f5e0", "#14562f", "#17482b", "#bbf7d0"),  # green
    ("#fbdcec", "#94185d", "#611640", "#fbcfe8"),  # pink
    ("#e7defd", "#5420a3", "#40237a", "#ddd6fe"),  # violet
    ("#fdf0b8", "#694a06", "#52400e", "#fde68a"),  # yellow
    ("#cdf3f5", "#0f525c", "#134a54", "#a5f3fc"),  # cyan
    ("#fddcdc", "#961b1b", "#631d1d", "#fecaca"),  # red
    ("#e3edc4", "#3d5210", "#37480f", "#d9f99d"),  # olive
    ("#e5e7eb", "#374151", "#374151", "#e5e7eb"),  # grey
    ("#d8e3f0", "#234b78", "#22405f", "#bcd7f3"),  # steel
    ("#efe0d3", "#6b3d1c", "#4b2f1c", "#ecd3bd"),  # brown
)
#: Types that most corpora have, so that they look the same everywhere; others are placed by a checksum of their name.
_COMMON = {
    name: slot
    for slot, names in enumerate(
        (("PER", "PERSON"), ("ORG", "ORGANIZATION"), ("LOC", "GPE", "LOCATION", "PLACE"), ("MISC", "EVENT"))
    )
    for name in names
}


def colour_slots(labels: Iterable[str]) -> dict[str, int]:
    """A row of `COLOURS` for each label. The same set of labels always gets the same colours.

    A label keeps its own colour but where another one of the set has it; then it takes the next that is free, and
    shares only when there are more labels than colours.
    """
    slots: dict[str, int] = {}
    ordered = sorted(set(labels), key=lambda label: (label.upper() not in _COMMON, label))
    for label in ordered:
        home = _COMMON.get(label.upper(), crc32(label.encode("utf8", "surrogatepass")) % len(COLOURS))
        taken = set() if label.upper() in _COMMON else set(slots.values())
        free = ((home + step) % len(COLOURS) for step in range(len(COLOURS)))
        slots[label] = next((slot for slot in free if slot not in taken), home)
    return slots
