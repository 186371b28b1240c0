"""Trains the network: seeded, with checkpoints, and going on from the last one."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from quietkeys.symbols import BLANK, FIRST_CLASS, FIRST_WORD, MAX_NGRAMS, SENTENCE

from .network import Network, Sizes
from .text import PASSES, Messages
from .vocabulary import Symbols, ngram_table

LOG_EVERY = 200  # steps


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


@dataclass(frozen=True, slots=True)
class Texts:
    """Messages by corpus, and the table of n-grams of the words outside the vocabulary and inside it.

    outside_ngrams: [outside, G]; inside_ngrams: [V, G]; outside_class: [outside] output ids.
    """

    train: Mapping[str, Messages]
    held_out: Mapping[str, Messages]
    outside_ngrams: NDArray[np.int32]
    inside_ngrams: NDArray[np.int32]
    outside_class: NDArray[np.int32]


def texts_of(
    symbols: Symbols, train: Mapping[str, Messages], held_out: Mapping[str, Messages], outside: list[str]
) -> Texts:
    """Return the texts with what is read and predicted for words outside the vocabulary."""
    inside = np.vstack([ngram_table([""] * (symbols.size - len(symbols.words)), MAX_NGRAMS),
                        ngram_table(symbols.words, MAX_NGRAMS)])
    classes = np.array([symbols.target(word) for word in outside], np.int32)
    return Texts(train, held_out, ngram_table(outside, MAX_NGRAMS), inside, classes)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step reads: time runs down. Shapes as in `Network.forward`; targets [T, B], 0 for none."""

    symbols: Tensor
    spelled: Tensor
    ngrams: Tensor
    targets: Tensor


def batch_of(texts: Texts, messages: list[NDArray[np.int32]], rng: Generator | None, share: float) -> Batch:
    """Return messages side by side, padded with SENTENCE; rng: reads some known words by n-grams."""
    longest = max(map(len, messages))
    raw = np.zeros((longest, len(messages)), np.int32)
    length = np.array([len(message) for message in messages])
    for column, message in enumerate(messages):
        raw[: len(message), column] = message
    outside = raw < 0
    known = np.where(outside, texts.outside_class[np.maximum(-1 - raw, 0)] if len(texts.outside_class) else 0, raw)
    inputs, targets = known[:-1], known[1:].copy()
    targets[np.arange(1, longest)[:, None] >= length[None, :]] = SENTENCE
    targets[targets < FIRST_CLASS] = SENTENCE
    spelled = outside[:-1].copy()
    if rng is not None:
        spelled |= (rng.random(inputs.shape) < share) & (inputs > BLANK)
    rows = raw[:-1][spelled]
    ngrams = np.where(
        (rows < 0)[:, None],
        texts.outside_ngrams[np.maximum(-1 - rows, 0)],
        texts.inside_ngrams[np.maximum(rows, 0)],
    ) if len(rows) else np.zeros((0, MAX_NGRAMS), np.int32)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in
                   (inputs.astype(np.int64), spelled, ngrams.astype(np.int64), targets.astype(np.int64))))


def epoch(texts: Texts, rng: Generator, size: int, share: float) -> Iterator[Batch]:
    """Yield the batches of one epoch: messages of like length together, in an order drawn by `rng`."""
    chosen: list[tuple[str, int]] = []
    for name, messages in texts.train.items():
        count = len(messages.starts) - 1
        passes = PASSES[name]
        times = int(passes)
        rest = rng.random(count) < passes - times
        chosen += [(name, k) for k in range(count) for _ in range(times)]
        chosen += [(name, int(k)) for k in np.flatnonzero(rest)]
    lengths = np.array([texts.train[n].starts[k + 1] - texts.train[n].starts[k] for n, k in chosen])
    order = np.lexsort((rng.random(len(chosen)), lengths))
    groups: list[NDArray[np.int64]] = []
    at = 0
    while at < len(order):
        wide = max(1, size // int(lengths[order[min(at + size // 8, len(order) - 1)]]))
        groups.append(order[at : at + wide])
        at += wide
    for group in rng.permutation(len(groups)):
        rows = [chosen[k] for k in groups[group]]
        found = [texts.train[n].symbols[texts.train[n].starts[k] : texts.train[n].starts[k + 1]] for n, k in rows]
        yield batch_of(texts, found, rng, share)


def evaluate(network: Network, texts: Texts, size: int) -> dict[str, dict[str, float]]:
    """Return, per held-out corpus, perplexity, top-1 and top-3 of the next word (a class counts as wrong)."""
    network.eval()
    figures: dict[str, dict[str, float]] = {}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for name, messages in texts.held_out.items():
            loss, top1, top3, count = 0.0, 0, 0, 0
            order = np.argsort(np.diff(messages.starts), kind="stable")
            wide = max(1, size // 32)
            for at in range(0, len(order), wide):
                found = [messages.symbols[messages.starts[k] : messages.starts[k + 1]] for k in order[at : at + wide]]
                batch = batch_of(texts, found, None, 0.0)
                kept = batch.targets > 0
                queries = network(batch.symbols, batch.spelled, batch.ngrams)[kept]
                targets = batch.targets[kept]
                if not len(targets):
                    continue
                logits = torch.nn.functional.linear(queries, network.words.weight, network.bias).float()
                loss += float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum"))
                logits[:, :FIRST_WORD] = -torch.inf
                best = logits.topk(3).indices
                top1 += int((best[:, 0] == targets).sum())
                top3 += int((best == targets[:, None]).any(1).sum())
                count += len(targets)
            figures[name] = {"perplexity": math.exp(loss / count), "top1": top1 / count, "top3": top3 / count}
    network.train()
    return figures


def log_expected(counts: NDArray[np.float64], negatives: int) -> tuple[Tensor, Tensor]:
    """Return (probability, log expected count) of each symbol among negatives drawn by count ** 0.75."""
    weight = np.maximum(counts, 0.0) ** 0.75
    weight[:FIRST_CLASS] = 0.0
    chance = weight / weight.sum()
    expected = np.log(np.maximum(chance * negatives, 1e-12))
    return torch.from_numpy(chance), torch.from_numpy(expected.astype(np.float32))


def train(
    texts: Texts, sizes: Sizes, recipe: Recipe, folder: Path, report: Callable[[str], None] = print
) -> Network:
    """Return the trained network; checkpoints and the log lie in `folder`, and it goes on from there."""
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    network = Network(sizes, recipe.dropout)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, betas=(0.9, 0.98), weight_decay=recipe.decay)
    chance, log_count = log_expected(_counts(texts, sizes.symbols), recipe.negatives)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, log = folder / "checkpoint.pt", folder / "training.jsonl"
    step, spent, number = 0, 0.0, 0
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        if kept["recipe"] != asdict(recipe):
            raise ValueError(f"{checkpoint} was made by another recipe; remove it or use that recipe")
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        step, spent, number = kept["step"], kept["seconds"], kept["epoch"]
        report(f"goes on from step {step}")
    started, running = time.monotonic(), 0.0
    full_from = int(recipe.steps * (1 - recipe.full_share))
    while step < recipe.steps:
        rng = np.random.default_rng([recipe.seed, number, step])
        for batch in epoch(texts, rng, recipe.batch, recipe.spelled_share):
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * _schedule(step, recipe)
            with torch.autocast("cpu", torch.bfloat16):
                queries = network(batch.symbols, batch.spelled, batch.ngrams)
                kept_at = batch.targets > 0
                queries, targets = queries[kept_at], batch.targets[kept_at]
                if step < full_from:
                    negatives = torch.from_numpy(rng.choice(len(chance), recipe.negatives, p=chance.numpy()))
                    loss = network.sampled_loss(queries, targets, negatives, log_count)
                else:
                    loss = network.full_loss(queries, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1
            running += float(loss.detach())
            if step % LOG_EVERY == 0:
                seconds = spent + time.monotonic() - started
                line = {"step": step, "loss": round(running / LOG_EVERY, 4), "seconds": round(seconds, 1)}
                running = 0.0
                if step % (10 * LOG_EVERY) == 0 or step == recipe.steps:
                    line["held_out"] = evaluate(network, texts, recipe.batch)
                with log.open("a") as stream:
                    stream.write(json.dumps(line) + "\n")
                report(json.dumps(line))
            if step % recipe.checkpoint_every == 0 or step == recipe.steps:
                _save(checkpoint, {
                    "recipe": asdict(recipe), "sizes": asdict(sizes), "network": network.state_dict(),
                    "optimizer": optimizer.state_dict(), "step": step, "epoch": number,
                    "seconds": spent + time.monotonic() - started,
                })
            if step == recipe.steps:
                break
        number += 1
    return network.eval()


def _counts(texts: Texts, size: int) -> NDArray[np.float64]:
    counts = np.zeros(size)
    for name, messages in texts.train.items():
        outside = messages.symbols < 0
        ids = np.where(outside, texts.outside_class[np.maximum(-1 - messages.symbols, 0)], messages.symbols)
        counts += PASSES[name] * np.bincount(ids, minlength=size)
    return counts + 1.0


def _schedule(step: int, recipe: Recipe) -> float:
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - recipe.warm_up) / (recipe.steps - recipe.warm_up)))


def _save(path: Path, content: dict[str, object]) -> None:
    written = path.with_suffix(".new")
    torch.save(content, written)
    os.replace(written, path)
