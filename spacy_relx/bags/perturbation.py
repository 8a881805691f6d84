"""Adversarial training: the loss under the small change of the word vectors that makes it worst."""

from __future__ import annotations

from typing import Callable, Literal

import torch
from torch import Tensor

from ..core.settings import NotNegative, architecture

#: What shares one norm: the word vectors of a sentence, of all sentences of a bag, of the whole batch.
Scope = Literal["sentence", "bag", "batch"]


@architecture
class Perturbation:
    """`spacy_relx.AdversarialTraining.v1`: train on the worst small change of the word vectors.

    e = eps g / |g|, g the gradient of the loss with respect to the word vectors (Wu et al. 2017, eq. 2-4).

    Only the loss at words + e is optimised; e is a constant there. Both passes have the same dropout masks. Position
    features are not changed.
    """

    def __init__(self, *, eps: NotNegative = 0.01, scope: Scope = "bag"):
        """Set the change.

        Args:
            eps: Length of e, in the unit of the word vectors; 0 for none.
            scope: What has that length together: the words of a "sentence", of a "bag", or of the whole "batch". The
                paper says "all the words in X", a bag; the code that its authors published takes each sentence.
        """
        self.eps = eps
        self.scope = scope

    def loss(self, words: Tensor, groups: Tensor, n_groups: int, loss_of: Callable[[Tensor], Tensor]) -> Tensor:
        """words: *Shape:* (n_tokens, width). groups: *Shape:* (n_tokens,), int64 in [0, n_groups), what shares a norm.
        loss_of: word vectors -> loss. RETURNS: the loss at the changed vectors, a scalar."""
        if not self.eps:
            return loss_of(words)
        with torch.random.fork_rng(devices=[words.device] if words.is_cuda else []):
            leaf = words.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss_of(leaf), leaf)
        return loss_of(words + self.change(gradient, groups, n_groups))

    def change(self, gradient: Tensor, groups: Tensor, n_groups: int) -> Tensor:
        """e for a gradient; zero where the gradient of a whole group is. RETURNS: *Shape:* (n_tokens, width)."""
        squares = gradient.new_zeros(n_groups, dtype=torch.float64)
        squares = squares.index_add(0, groups, gradient.double().square().sum(dim=1))
        norms = squares.sqrt().clamp(min=torch.finfo(torch.float64).tiny).index_select(0, groups).unsqueeze(1)
        return (self.eps * (gradient.double() / norms)).to(gradient.dtype)
