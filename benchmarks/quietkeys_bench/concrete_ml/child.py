"""Concrete ML's encrypted training in a process of its own: `python -m quietkeys_bench.concrete_ml.child`.

The request comes as JSON on standard input; the answer is JSON, the last line of standard output. Everything
is the library's default but what is said in the request, zeros to start from, and no intercept.

What `SGDClassifier.fit` does batch by batch is done here, with its own circuit, quantizers and way to draw
batches: `fit` compiles anew for every number of batches, and tells neither weights nor times of each.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from quietkeys_bench.common.processes import answer


def _told(request: dict[str, Any]) -> dict[str, Any]:
    people = [(np.array(one["X"], np.float64), np.array(one["y"]), one["seed"]) for one in request["people"]]
    classifier = _classifier(request)
    module = _compiled(classifier, np.concatenate([X for X, _, _ in people]))
    circuit, count = module.fhe_circuit, request["batches"]
    found = {
        "p_error": classifier.training_p_error,
        "rate": classifier.learning_rate_value,
        "batch": classifier.batch_size,
        "bootstraps": circuit.programmable_bootstrap_count,
        "complexity": circuit.complexity,
        "uncompressed_key_bytes": circuit.size_of_bootstrap_keys + circuit.size_of_keyswitch_keys,
    }
    if request["execute"]:
        X, y, seed = people[0]
        return found | _executed(module, list(_batches(module, X, y, seed, count, classifier.batch_size)))
    batches = (_batches(module, X, y, seed, count, classifier.batch_size) for X, y, seed in people)
    return found | {"weights": [list(_in_the_clear(module, drawn)) for drawn in batches]}


def _classifier(request: dict[str, Any]) -> Any:
    from concrete.fhe import Configuration
    from concrete.ml.sklearn import SGDClassifier

    classifier = SGDClassifier(
        fit_encrypted=True, parameters_range=tuple(request["parameters_range"]), fit_intercept=False
    )
    classifier.training_p_error = request["p_error"] or classifier.training_p_error
    classifier.learning_rate_value = request["rate"] or classifier.learning_rate_value
    # As quietkeys sends them; the library's default is neither, and then both are several times larger.
    classifier.training_fhe_configuration = Configuration(
        compress_evaluation_keys=True, compress_input_ciphertexts=True
    )
    return classifier


def _compiled(classifier: Any, X: Any) -> Any:
    # What `fit` itself calls, with the edges that it takes from the samples.
    return classifier._get_training_quantized_module(x_min=X.min(0), x_max=X.max(0), device="cpu")


def _batches(module: Any, X: Any, y: Any, seed: int, count: int, size: int) -> Iterator[tuple[Any, Any]]:
    draw: Generator = np.random.default_rng(seed)  # as `fit` does with `random_state=seed`
    for _ in range(count):
        rows = draw.choice(len(X), size=size, replace=False)
        features = X[rows].reshape(1, size, -1)
        labels = y[rows].reshape(1, size, 1).astype(np.float64)
        quantized = module.quantize_input(features, labels, None, None)
        yield quantized[0], quantized[1]


def _zeros(module: Any, width: int) -> tuple[Any, Any]:
    _, _, weights, bias = module.quantize_input(None, None, np.zeros((1, width, 1)), np.zeros((1, 1, 1)))
    return weights, bias


def _read(module: Any, weights: Any, bias: Any) -> list[float]:
    learnt: list[float] = module.dequantize_output(weights, bias)[0].ravel().tolist()
    return learnt


def _in_the_clear(module: Any, batches: Iterator[tuple[Any, Any]]) -> Iterator[list[float]]:
    # The weights after every batch, by the library's integers, unencrypted: no look-up fails.
    state: tuple[Any, Any] | None = None
    for features, labels in batches:
        weights, bias = state or _zeros(module, features.shape[-1])
        state = module.quantized_forward(features, labels, weights, bias, fhe="disable")
        yield _read(module, *state)


def _executed(module: Any, batches: list[tuple[Any, Any]]) -> dict[str, Any]:
    # What batches take under encryption, one after the other, and what is sent for them.
    circuit = module.fhe_circuit
    circuit.keygen()
    _, _, *state = circuit.encrypt(None, None, *_zeros(module, batches[0][0].shape[-1]))
    once = sum(len(value.serialize()) for value in state)
    seconds = cpu_seconds = device_seconds = 0.0
    sent = 0
    for features, labels in batches:
        begun = time.process_time()
        samples, chosen, _, _ = circuit.encrypt(features, labels, None, None)
        device_seconds += time.process_time() - begun
        sent += len(samples.serialize()) + len(chosen.serialize())
        start, begun = time.perf_counter(), time.process_time()
        state = circuit.run(samples, chosen, *state)
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - begun
    return {
        "encrypted": _read(module, *circuit.decrypt(*state)),
        "clear": list(_in_the_clear(module, iter(batches)))[-1],
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "device_seconds": device_seconds,
        "upload_bytes": sent,
        "start_bytes": once,
        "download_bytes": circuit.size_of_outputs,
        "key_bytes": len(circuit.keys.evaluation.serialize()),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    sys.exit(answer(_told))
