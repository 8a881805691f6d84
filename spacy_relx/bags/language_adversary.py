"""A discriminator that names the language of a sentence vector, and what keeps it from doing so (Wang et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..core.kernels.dropout import Dropout
from ..core.settings import Count, NotNegative, Probability, architecture

#: What the encoders learn in order to fool the discriminator.
Fooling = Literal["uniform", "flipped", "negative"]
#: How the penalty on what two spaces have in common is computed.
Penalty = Literal["frobenius", "normalised"]


@architecture
@dataclass(frozen=True, kw_only=True)
class Adversary:
    """`spacy_relx.LanguageAdversary.v1`: a discriminator of languages that the consistent encoders learn to fool.

    Args:
        hidden: Width of the discriminator's hidden layer.
        dropout: Dropout in it.
        game: "alternate": after each step on the relations (eq. 13, 17) `steps` on the discriminator and
            `fooling_steps` on the consistent encoders (eq. 16, 18), each of which moves nothing else. Or "reversal":
            one step for all, in which the discriminator's gradient reaches the consistent encoders, and the words below
            them, times -`weight` (Ganin et al. 2016).
        steps: Of the game "alternate": steps on the discriminator.
        fooling_steps: Of the game "alternate": steps on the encoders.
        fooling: Of the game "alternate": what the encoders learn, see `fooling_loss`: "flipped" (the published code),
            "uniform", or "negative" (eq. 16, without a lower bound).
        weight: Of the game "reversal".
    """

    hidden: Count = 2048
    dropout: Probability = 0.1
    game: Literal["alternate", "reversal"] = "alternate"
    steps: Count = 1
    fooling_steps: Count = 5
    fooling: Fooling = "flipped"
    weight: NotNegative = 0.1

    @property
    def reversal(self) -> bool:
        """Whether one step moves all."""
        return self.game == "reversal"


class Discriminator(nn.Module):
    """Two layers with dropout between them: vector -> logits of the languages (eq. 14).

    width: of the vectors. n_langs: languages. hidden: width of the layer between.
    """

    def __init__(self, width: int, n_langs: int, *, hidden: int, dropout: float):
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden, n_langs)

    def forward(self, vectors: Tensor) -> Tensor:
        """vectors: *Shape:* (n, width). RETURNS: *Shape:* (n, n_langs)."""
        return self.output(self.dropout(torch.relu(self.hidden(vectors))))


def fooling_loss(logits: Tensor, langs: Tensor, kind: Fooling, smoothing: float = 0.1) -> Tensor:
    """What the consistent encoders minimise; mean over sentences.

    logits: *Shape:* (n, n_langs), of the discriminator. langs: *Shape:* (n,), int64. kind: "negative", the
    log-probability of the true language (eq. 16; it has no lower bound). "flipped": cross-entropy against the other
    languages, alike, with `smoothing` left to the true one (the code that the paper's authors published). "uniform":
    cross-entropy against all languages alike, at whose minimum the discriminator can do no better than guess.
    RETURNS: a scalar.
    """
    log_p = torch.log_softmax(logits, dim=1)
    own = log_p.gather(1, langs.unsqueeze(1)).squeeze(1)
    if kind == "negative":
        return own.mean()
    n = logits.shape[1]
    share = 1.0 / n if kind == "uniform" else smoothing
    others = (log_p.sum(dim=1) - own) / max(n - 1, 1)
    return -(share * own + (1.0 - share) * others).mean()


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * grads[0], None


def reverse_gradient(x: Tensor, factor: float) -> Tensor:
    """The same values; on the way back the gradient is multiplied by -factor (Ganin et al. 2016, section 4.2)."""
    return _Reverse.apply(x, factor)  # type: ignore[no-untyped-call]


def orthogonality(individual: Tensor, consistent: Tensor, kind: Penalty) -> Tensor:
    """How much two representations of the same sentences have in common.

    individual, consistent: *Shape:* (n, width), the widths may differ. kind: "frobenius", |I^T C|_F^2 (eq. 17);
    "normalised": columns centred, rows scaled to length 1, and the mean of the squares of I^T C instead of their sum
    (the code that the paper's authors published), which does not grow with batch and width. RETURNS: a scalar.
    """
    if kind == "frobenius":
        return (individual.t() @ consistent).square().sum()
    i, c = (nn.functional.normalize(x - x.mean(dim=0), dim=1) for x in (individual, consistent))
    return (i.t() @ c).square().mean()
