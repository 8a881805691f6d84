"""A switcher of sub-modules: what is particular to each language (Wang et al. 2023, eq. 5-8)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SubModule(nn.Module):
    """LN(ReLU(x W_u) W_d + x), eq. 7, `depth` times. hidden: columns of W_u, b in the paper, which wants b > d."""

    def __init__(self, width: int, hidden: int, depth: int):
        super().__init__()
        self.up = nn.ModuleList(nn.Linear(width, hidden, bias=False) for _ in range(depth))
        self.down = nn.ModuleList(nn.Linear(hidden, width, bias=False) for _ in range(depth))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        """*Shape:* (n_tokens, width) -> the same."""
        for up, down, norm in zip(self.up, self.down, self.norm):
            tokens = norm(down(torch.relu(up(tokens))) + tokens)
        return tokens


class LanguageSwitcher(nn.Module):
    """Mixes sub-modules, weighted by softmax(E[language] W_f) in training (eq. 5, 8), the best `top_k` of them after.

    width: of the token vectors. languages: codes. depths: layers of each sub-module. hidden: see `SubModule`. top_k:
    None for all; learned routes only. renormalise: make the weights that are kept sum to 1. routing: "learned", or
    "one_to_one", a sub-module for each language, in their order. n_old: languages that were there before the others
    were added. old_modules: how many sub-modules were there then, one number for all these languages or one for each,
    as they may have come at different times; 0 for all. These languages never use those that came later: their outputs
    stay.

    Each language's row and each sub-module's column of the router are parameters of their own, so that training can
    hold some of them still.
    """

    def __init__(
        self,
        width: int,
        languages: Sequence[str],
        *,
        depths: Sequence[int],
        hidden: int,
        top_k: int | None = None,
        renormalise: bool = True,
        routing: str = "learned",
        n_old: int = 0,
        old_modules: int | Sequence[int] = 0,
    ):
        super().__init__()
        self.codes = list(languages)
        self.top_k = None if routing == "one_to_one" else top_k  # of equal routes any choice would be arbitrary
        self.renormalise = renormalise
        self.one_to_one = routing == "one_to_one"
        depths = [depths[0]] * len(self.codes) if self.one_to_one else list(depths)
        self.submodules = nn.ModuleList(SubModule(width, hidden, depth) for depth in depths)
        self.languages = nn.ParameterDict()
        self.router = nn.ParameterList()
        if not self.one_to_one:
            # as wide as tokens, so that logits begin with a spread of about .5: neither even nor decided
            self.languages.update({code: nn.Parameter(torch.randn(width)) for code in self.codes})
            self.router.extend(nn.Parameter(torch.randn(width) * 0.5 / width**0.5) for _ in depths)
        old = [old_modules] * n_old if isinstance(old_modules, int) else old_modules
        self._reach = [count or len(depths) for count in old] + [len(depths)] * (len(self.codes) - len(old))

    def reach(self) -> list[int]:
        """For each language how many sub-modules it may use, the first so many."""
        return list(self._reach)

    def weights(self) -> Tensor:
        """f_t(L), eq. 5: how much of each sub-module each language takes, without `top_k`.

        RETURNS: *Shape:* (n_languages, n_submodules), rows sum to 1.
        """
        if self.one_to_one:
            return torch.eye(len(self.codes), device=next(self.parameters()).device)
        # One product for each language, of the sub-modules in its reach: in one for all of them the last bits would
        # depend on which others there are, and so change with a language or a sub-module that is added later.
        router = torch.stack(list(self.router))
        rows = []
        for code, reach in zip(self.codes, self._reach):
            row = torch.softmax(router[:reach] @ self.languages[code], dim=0)
            rows.append(nn.functional.pad(row, (0, len(router) - reach)))
        return torch.stack(rows)

    def routes(self) -> Tensor:
        """`weights` as prediction has them, and behind the languages their mean, the route of those that are not known.

        RETURNS: *Shape:* (n_languages + 1, n_submodules).
        """
        weights = self.weights()
        weights = torch.cat([weights, weights.mean(dim=0, keepdim=True)])
        if self.training or self.top_k is None or self.top_k >= weights.shape[1]:
            return weights
        best = weights.topk(self.top_k, dim=1)
        kept = torch.zeros_like(weights).scatter(1, best.indices, best.values)
        return kept / best.values.sum(dim=1, keepdim=True) if self.renormalise else kept

    def forward(self, tokens: Tensor, langs: Tensor) -> Tensor:
        """tokens: *Shape:* (n_tokens, width). langs: *Shape:* (n_tokens,), int64, row of each token's language in
        `codes`, their number for languages that are not known. RETURNS: *Shape:* (n_tokens, width).

        A sub-module only works on tokens of languages that use it.
        """
        weights = self.routes().index_select(0, langs)
        used = weights.detach() != 0
        out = torch.zeros_like(tokens)
        for t, module in enumerate(self.submodules):
            rows = used[:, t].nonzero().squeeze(1)
            if len(rows) == len(tokens):
                out = out + module(tokens) * weights[:, t : t + 1]
            elif len(rows):
                part = module(tokens.index_select(0, rows)) * weights[rows, t].unsqueeze(1)
                out = out.index_add(0, rows, part)
        return out
