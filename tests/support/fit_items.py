"""Scores to fit a calibration to."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


@st.composite
def items(draw, min_size=1, max_size=40):
    n = draw(st.integers(min_size, max_size))
    scores = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    right = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return np.array(scores) / 30, np.array(right)
