"""Thresholds of an extractor: settings of its component, fitted ones too, so that the config says what holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from ..errors import RelxError
from .text_forms import normal_form

#: The setting `label_thresholds`: a table, or pairs of a label and a threshold.
LabelThresholds = Union[dict[str, float], list[list[Any]]]
#: The setting `lang_thresholds`: a language, a label (None for all others) and a threshold.
LangThresholds = list[list[Any]]
#: What cannot be a key in a config: its file would not give it back.
_NO_KEY = re.compile(r"[:=\n\r]|^[#;\[\s]|\s$|^$")


@dataclass(frozen=True)
class Thresholds:
    """When labels are predicted: their scores are greater than these. Of several, the first of this order holds.

    Attributes:
        langs: (language, label) -> threshold, and (language, None) for the other labels of a language, which comes
            after `labels`.
        labels: Label -> threshold.
        threshold: Of all others; None: a label is predicted when it beats no-relation.
    """

    threshold: float | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    langs: Mapping[tuple[str, str | None], float] = field(default_factory=dict)

    @classmethod
    def from_settings(
        cls,
        name: str,
        threshold: float | None,
        labels: LabelThresholds | None = None,
        langs: LangThresholds | None = None,
    ) -> Thresholds:
        """Read the settings of a component.

        Args:
            name: Of the component.
            threshold: Setting `threshold`.
            labels: Setting `label_thresholds`.
            langs: Setting `lang_thresholds`.

        Raises:
            RelxError: RX021 for a threshold that is no probability, and for a setting of another form.
        """
        pairs = [list(each) for each in (labels.items() if isinstance(labels, dict) else labels or ())]
        triples = [list(each) for each in langs or ()]
        _check_form(name, "label_thresholds", "[relation, threshold]", pairs, (str,))
        _check_form(
            name, "lang_thresholds", "[language, relation or null, threshold]", triples, (str, (str, type(None)))
        )
        in_langs = {(lang, label and normal_form(label)): value for lang, label, value in triples}
        found = cls(threshold, {normal_form(label): value for label, value in pairs}, in_langs)
        for key, value in (("threshold", threshold), *found.labels.items(), *found.langs.items()):
            if value is not None and not 0 <= value <= 1:
                shown = key if isinstance(key, str) else f"{key[1] or 'all'} in {key[0]}"
                raise RelxError("RX021", name=shown, value=value, need="a probability, in [0, 1]")
        return found

    def to_settings(self) -> dict[str, Any]:
        """The settings as a config can hold them; read by `from_settings`."""
        labels: LabelThresholds = dict(self.labels)
        if any(_NO_KEY.search(label) for label in self.labels):
            labels = [[label, value] for label, value in self.labels.items()]
        langs = [[lang, label, value] for (lang, label), value in self.langs.items()]
        return {"threshold": self.threshold, "label_thresholds": labels, "lang_thresholds": langs}

    @property
    def named(self) -> set[str]:
        """Labels with thresholds of their own."""
        return {*self.labels, *(label for _, label in self.langs if label is not None)}

    def of(self, label: str | None, lang: str | None) -> float | None:
        """The threshold of a label in a language; None for labels or languages without thresholds of their own."""
        if label is not None and lang is not None and (lang, label) in self.langs:
            return self.langs[lang, label]
        if label is not None and label in self.labels:
            return self.labels[label]
        return self.threshold if lang is None else self.langs.get((lang, None), self.threshold)

    def of_pairs(self, labels: Sequence[str], langs: Sequence[str], sizes: Sequence[int]) -> np.ndarray:
        """The thresholds of the pairs of several Docs, one Doc after the other.

        Args:
            labels: Of the columns.
            langs: The language of each Doc, "" where unknown.
            sizes: How many pairs each Doc has.

        Returns:
            float64 (n_pairs, n_labels), or (1, n_labels) where they are the same for all; NaN for no threshold.
        """
        if not self.labels and not self.langs:
            return np.full((1, len(labels)), np.nan if self.threshold is None else self.threshold)
        known = sorted({lang for lang, _ in self.langs})
        table = np.array([[self.of(label, lang) for label in labels] for lang in [*known, None]], dtype="float64")
        table = table.reshape(len(known) + 1, len(labels))
        if not known:
            return table
        rows = {lang: row for row, lang in enumerate(known)}
        codes = np.array([rows.get(lang, len(known)) for lang in langs], dtype="int64")
        return table[np.repeat(codes, np.asarray(sizes, dtype="int64"))]


def check_keys(name: str, labels: LabelThresholds) -> None:
    """Make sure that a config of these thresholds can be saved and read.

    Args:
        name: Of the component.
        labels: Its setting `label_thresholds`.

    Raises:
        RelxError: RX562 where a config cannot hold a label as the name of a value.
    """
    wrong = [label for label in labels if _NO_KEY.search(label)] if isinstance(labels, dict) else []
    if wrong:
        raise RelxError("RX562", name=name, label=wrong[0], pair=[wrong[0], labels[wrong[0]]])  # type: ignore[call-overload]


def _check_form(name: str, setting: str, form: str, rows: Sequence[Sequence[Any]], kinds: tuple[Any, ...]) -> None:
    """kinds: of all but the last value, which is a number. RAISES: RelxError RX021."""
    for row in rows:
        fits = len(row) == len(kinds) + 1 and all(map(isinstance, row, kinds))
        if not fits or isinstance(row[-1], bool) or not isinstance(row[-1], (int, float)):
            raise RelxError("RX021", name=f"{setting}' of '{name}", value=row, need=f"a list of {form}")
