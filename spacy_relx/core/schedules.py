"""Learning rates for `[training.optimizer]`: `spacy_relx.WarmupLinear.v1`."""

import re
from collections.abc import Iterator
from typing import Union

from ..errors import RelxError

#: A reference to another setting, which spaCy leaves as it is where it builds an optimizer outside of a training run.
_REFERENCE = re.compile(r"\$\{[^{}]+\}")


def warmup_linear(
    initial_rate: float, warmup: float = 0.05, total_steps: Union[int, str, None] = None
) -> Iterator[float]:
    """`spacy_relx.WarmupLinear.v1`: a learning rate that rises to a peak and then falls to zero, both linearly.

    In a config write `total_steps = ${training.max_steps}`, so that `--training.max_steps` alone changes both. spaCy
    fills in that number where it reads the whole config (`spacy train`), and not where it builds the optimizer alone
    (`nlp.initialize`, `nlp.resume_training`, `nlp.create_optimizer`, and so `spacy debug data`). Without a number of
    steps nothing says when to rise and to fall: then the rate is half the peak throughout, the mean of the curve.

    Args:
        initial_rate: The peak.
        warmup: Share of the steps in which the rate rises, in [0, 1).
        total_steps: Number of steps after which the rate is zero. None, 0 and less (spaCy's values for a run without a
            limit), and a reference that was not filled in: not known.

    Returns:
        The rates of all steps, without an end.

    Raises:
        RelxError: RX021 for a setting out of its range.
    """
    if not initial_rate > 0:
        raise RelxError("RX021", name="initial_rate", value=initial_rate, need="more than 0")
    if not 0 <= warmup < 1:
        raise RelxError("RX021", name="warmup", value=warmup, need="a share of the steps, in [0, 1)")
    if isinstance(total_steps, str) and not _REFERENCE.fullmatch(total_steps):
        raise RelxError("RX021", name="total_steps", value=total_steps, need="a number of steps or null")
    n_steps = 0 if total_steps is None or isinstance(total_steps, str) else total_steps
    return _rates(initial_rate, warmup, n_steps)


def _rates(peak: float, warmup: float, n_steps: int) -> Iterator[float]:
    """The generator behind `warmup_linear`: settings are checked before the first rate is asked for."""
    while n_steps <= 0:
        yield peak / 2
    n_warmup = round(warmup * n_steps)
    yield from (step / n_warmup * peak for step in range(n_warmup))
    yield from ((n_steps - step) / (n_steps - n_warmup) * peak for step in range(n_warmup, n_steps))
    while True:
        yield 0.0
