"""Trains the network: seeded, with checkpoints, and going on from the last one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from quietkeys.arrays import Float64
from quietkeys.bundle.networks import FIRST_CLASS, FIRST_WORD

from .batches import Batch, Texts, batch_of, epoch
from .network import Network, Sizes
from .text import PASSES, Messages

LOG_EVERY = 200  # steps
CHECKPOINT: Final = "checkpoint.pt"
LOG: Final = "training.jsonl"  # a line every LOG_EVERY steps; held-out figures in every tenth and the last
STEEPEST: Final = 1.0  # norm that gradients are cut to
LOWEST_RATE: Final = 0.02  # of the peak, at the end

Report = Callable[[str], None]


class CheckpointError(Exception):
    """A folder holds the checkpoint of another training."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast. tokens: symbols read in all. batch: symbols a step. rate: of AdamW, at its peak.

    negatives: of the sampled softmax. full_share: share of the steps that end with the full softmax.
    spelled_share: how often a word of the vocabulary is read by its n-grams instead, so that they are learnt.
    """

    seed: int = 0
    tokens: int = 45_000_000
    batch: int = 4096
    rate: float = 2.5e-3
    warm_up: int = 300
    decay: float = 0.02
    dropout: float = 0.15
    negatives: int = 2048
    full_share: float = 0.04
    spelled_share: float = 0.03
    threads: int = 2
    checkpoint_every: int = 500

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.tokens // self.batch

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: a linear warm-up, then half a cosine."""
        if step < self.warm_up:
            return self.rate * ((step + 1) / self.warm_up)
        done = (step - self.warm_up) / (self.steps - self.warm_up)
        return self.rate * (LOWEST_RATE + (1 - LOWEST_RATE) * 0.5 * (1 + math.cos(math.pi * done)))


@dataclass(slots=True)
class _Run:
    """A training on its way. chance, log_count: [V], see `log_expected`. seconds: spent by earlier runs."""

    recipe: Recipe
    sizes: Sizes
    network: Network
    optimizer: torch.optim.Optimizer
    chance: Float64
    log_count: Tensor
    step: int = 0
    epoch: int = 0
    seconds: float = 0.0

    @classmethod
    def begin(cls, texts: Texts, sizes: Sizes, recipe: Recipe) -> _Run:
        torch.set_num_threads(recipe.threads)
        torch.manual_seed(recipe.seed)
        network = Network(sizes, recipe.dropout)
        optimizer = torch.optim.AdamW(
            network.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay
        )
        chance, log_count = log_expected(_counts(texts, sizes.symbols), recipe.negatives)
        return cls(recipe, sizes, network, optimizer, chance, log_count)

    def learn(self, batch: Batch, rng: Generator) -> float:
        """Take a step and return its loss, in nats. rng: draws the negatives."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        with torch.autocast("cpu", torch.bfloat16):
            queries = self.network(batch.symbols, batch.spelled, batch.ngrams)
            kept = batch.targets > 0
            queries, targets = queries[kept], batch.targets[kept]
            if self.step < int(self.recipe.steps * (1 - self.recipe.full_share)):
                drawn = rng.choice(len(self.chance), self.recipe.negatives, p=self.chance)
                loss = self.network.sampled_loss(queries, targets, torch.from_numpy(drawn), self.log_count)
            else:
                loss = self.network.full_loss(queries, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.network.parameters(), STEEPEST)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path, seconds: float) -> None:
        content = {
            "recipe": asdict(self.recipe),
            "sizes": asdict(self.sizes),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "epoch": self.epoch,
            "seconds": seconds,
        }
        written = path.with_suffix(".new")
        torch.save(content, written)
        written.replace(path)

    def go_on_from(self, path: Path) -> None:
        """Take up what `save` wrote; raise CheckpointError if it is of another recipe or other sizes."""
        kept = torch.load(path, weights_only=True)
        for name, own in (("recipe", asdict(self.recipe)), ("sizes", asdict(self.sizes))):
            if kept[name] != own:
                named = ", ".join(key for key in own if kept[name].get(key) != own[key])
                raise CheckpointError(
                    f"{path} has another {name} ({named}); remove it or go back to that one"
                )
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step, self.epoch, self.seconds = kept["step"], kept["epoch"], kept["seconds"]


def train(texts: Texts, sizes: Sizes, recipe: Recipe, folder: Path, report: Report = print) -> Network:
    """Train a network, going on from the CHECKPOINT in `folder` if there is one; return it.

    LOG lies beside it. An epoch that was broken off begins anew, in another order. Raises CheckpointError.
    """
    run = _Run.begin(texts, sizes, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        run.go_on_from(checkpoint)
        report(f"goes on from step {run.step}")
    begun = time.monotonic() - run.seconds
    losses: list[float] = []
    while run.step < recipe.steps:
        rng = np.random.default_rng([recipe.seed, run.epoch, run.step])
        for batch in epoch(texts, rng, recipe.batch, recipe.spelled_share):
            losses.append(run.learn(batch, rng))
            last = run.step == recipe.steps
            if run.step % LOG_EVERY == 0 or last:
                line: dict[str, Any] = {"step": run.step, "loss": round(sum(losses) / len(losses), 4)}
                line["seconds"] = round(time.monotonic() - begun, 1)
                losses.clear()
                if run.step % (10 * LOG_EVERY) == 0 or last:
                    line["held_out"] = evaluate(run.network, texts, recipe.batch)
                _log(folder / LOG, line, report)
            if run.step % recipe.checkpoint_every == 0 or last:
                run.save(checkpoint, time.monotonic() - begun)
            if last:
                break
        run.epoch += 1
    return run.network.eval()


def _log(path: Path, line: dict[str, Any], report: Report) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    report(json.dumps(line))


def evaluate(network: Network, texts: Texts, size: int) -> dict[str, dict[str, float]]:
    """Return, per held-out corpus, perplexity, top-1 and top-3 of the next word (a class counts as wrong).

    size: symbols read at once, about.
    """
    training = network.training
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        figures = {
            name: _figures(network, texts, messages, max(1, size // 32))
            for name, messages in texts.held_out.items()
        }
    network.train(training)
    return figures


def _figures(network: Network, texts: Texts, messages: Messages, wide: int) -> dict[str, float]:
    loss, top1, top3, count = 0.0, 0, 0, 0
    order = np.argsort(np.diff(messages.starts), kind="stable")
    for at in range(0, len(order), wide):
        batch = batch_of(texts, [messages.message(k) for k in order[at : at + wide]], None, 0.0)
        kept = batch.targets > 0
        queries = network(batch.symbols, batch.spelled, batch.ngrams)[kept]
        targets = batch.targets[kept]
        if not len(targets):
            continue
        logits = functional.linear(queries, network.words.weight, network.bias).float()
        loss += float(functional.cross_entropy(logits, targets, reduction="sum"))
        logits[:, :FIRST_WORD] = -torch.inf
        best = logits.topk(3).indices
        top1 += int((best[:, 0] == targets).sum())
        top3 += int((best == targets[:, None]).any(1).sum())
        count += len(targets)
    return {"perplexity": math.exp(loss / count), "top1": top1 / count, "top3": top3 / count}


def log_expected(counts: Float64, negatives: int) -> tuple[Float64, Tensor]:
    """Return (probability, log expected count) of each symbol among negatives drawn by count ** 0.75."""
    weight = np.maximum(counts, 0.0) ** 0.75
    weight[:FIRST_CLASS] = 0.0
    chance: Float64 = weight / weight.sum()
    expected = np.log(np.maximum(chance * negatives, 1e-12))
    return chance, torch.from_numpy(expected.astype(np.float32))


def _counts(texts: Texts, size: int) -> Float64:
    counts = np.zeros(size)
    for name, messages in texts.train.items():
        counts += PASSES[name] * np.bincount(texts.known(messages.symbols), minlength=size)
    return counts + 1.0
