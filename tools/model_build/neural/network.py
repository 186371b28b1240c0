"""The network: word embeddings shared by input and output around one LSTM layer (Press and Wolf 2017).

    x_t = E[w_t], or the mean of S over the character n-grams of a word outside the vocabulary
    h_t, c_t = LSTM(x_t, h_{t-1}, c_{t-1})                                  [H]
    q_t = P h_t                                                             [d]
    log P(w | ...) = log softmax(E q_t + b)                                 [V]

Trained with a sampled softmax (Jean et al. 2015: shared negatives, logits corrected by the log of their
expected count), the last steps with the full one, so that probabilities sum to one without a correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from quietkeys.bundle.networks import BUCKETS

WIDTH: Final = 240
STATE: Final = 704


@dataclass(frozen=True, slots=True)
class Sizes:
    """symbols: V. width: d, of embeddings. state: H."""

    symbols: int
    width: int = WIDTH
    state: int = STATE


class Network(nn.Module):
    """The network above; `padding`: the n-gram bucket that stands for none."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.words = nn.Embedding(sizes.symbols, sizes.width)
        self.ngrams = nn.EmbeddingBag(BUCKETS + 1, sizes.width, mode="mean", padding_idx=BUCKETS)
        self.memory = nn.LSTM(sizes.width, sizes.state)
        self.query = nn.Linear(sizes.state, sizes.width)
        self.bias = nn.Parameter(torch.zeros(sizes.symbols))
        self.drop = nn.Dropout(dropout)
        nn.init.normal_(self.words.weight, std=0.08)
        nn.init.normal_(self.ngrams.weight, std=0.08)

    def forward(self, symbols: Tensor, spelled: Tensor, ngrams: Tensor) -> Tensor:
        """Return queries [T, B, d].

        symbols: [T, B] ids. spelled: [T, B] whether the word is read by its n-grams: ngrams [N, G], N as
        many as there are, in row order.
        """
        read = self.words(symbols)
        if len(ngrams):
            read = read.masked_scatter(spelled[..., None], self.ngrams(ngrams).to(read.dtype))
        state, _ = self.memory(self.drop(read))
        queries: Tensor = self.drop(self.query(self.drop(state)))
        return queries

    def full_loss(self, queries: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss (nats) of queries [N, d] for targets [N] under the full softmax."""
        logits = functional.linear(queries, self.words.weight, self.bias)
        return functional.cross_entropy(logits.float(), targets)

    def sampled_loss(self, queries: Tensor, targets: Tensor, negatives: Tensor, log_count: Tensor) -> Tensor:
        """Return the mean loss (nats) against shared negatives [S].

        log_count: [V] logarithm of how often each symbol is expected among the negatives.
        """
        bias = self.bias - log_count
        right = (queries.float() * self.words(targets).float()).sum(-1) + bias[targets]  # [N]
        wrong = functional.linear(queries, self.words(negatives), bias[negatives].to(queries.dtype))  # [N, S]
        wrong = wrong.float().masked_fill_(targets[:, None] == negatives[None, :], -1e4)
        loss: Tensor = (torch.logaddexp(right, torch.logsumexp(wrong, -1)) - right).mean()
        return loss
