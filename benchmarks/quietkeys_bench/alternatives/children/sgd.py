"""Concrete ML's encrypted `SGDClassifier` on one person's pairs: a script of the project's own environment.

The request comes as JSON on standard input; the answer is JSON, the last line of standard output. Steps are
computed by the library's integer circuit in the clear, so that a person does not take an hour; one batch is
run under encryption, for its price. Everything is the library's default but what is said here.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from quietkeys_bench.common.processes import answer


def _trained(request: dict[str, Any]) -> dict[str, Any]:
    from concrete.fhe import Configuration
    from concrete.ml.sklearn import SGDClassifier

    X, y = np.array(request["X"], dtype=np.float64), np.array(request["y"])  # [N, d], [N]

    def made(steps: int, mode: str) -> Any:
        classifier = SGDClassifier(
            fit_encrypted=True,
            parameters_range=tuple(request["parameters_range"]),
            fit_intercept=False,
            max_iter=steps,
            random_state=request["seed"],
        )
        # As quietkeys sends them; the library's default is neither, and then both are several times larger.
        classifier.training_fhe_configuration = Configuration(
            compress_evaluation_keys=True, compress_input_ciphertexts=True
        )
        return classifier.fit(X, y, fhe=mode, coef_init=np.zeros(X.shape[1]))

    steps = int(request["steps"])
    learnt = made(steps, "disable")
    return {
        "weights": learnt.coef_.ravel().tolist(),
        "p_error": learnt.training_p_error,
        "price": _price(made(1, "execute"), X, y, steps),
    }


def _price(classifier: Any, X: Any, y: Any, steps: int) -> dict[str, Any]:
    # Of a batch: what is encrypted, sent, computed once more with nothing else around it.
    module, batch = classifier.training_quantized_module, classifier.batch_size
    circuit = module.fhe_circuit
    inputs = module.quantize_input(
        X[:batch].reshape(1, batch, -1),
        y[:batch].reshape(1, batch, 1).astype(np.float64),
        np.zeros((1, X.shape[1], 1)),
        np.zeros((1, 1, 1)),
    )
    begun = time.process_time()
    sent = circuit.encrypt(*inputs)
    encrypting = time.process_time() - begun
    begun = time.process_time()
    circuit.run(*sent)
    running = time.process_time() - begun
    samples, labels, weights, bias = (len(value.serialize()) for value in sent)
    return {
        "key_bytes": len(circuit.keys.evaluation.serialize()),
        "upload_bytes": steps * (samples + labels) + weights + bias,
        "download_bytes": int(circuit.size_of_outputs),
        "device_seconds": steps * encrypting,
        "server_seconds": steps * running,
        "read": _read(sent[0].serialize(), X[:batch].shape),
    }


def _read(samples: bytes, shape: tuple[int, ...]) -> list[float]:
    # An encrypted batch as whoever has no key may try to read it: its last words as numbers, summed up.
    words = samples[len(samples) % 8 :]
    numbers = np.frombuffer(words, "<i8")[-int(np.prod(shape)) :].astype(np.float64) / 2.0**64
    sums: list[float] = numbers.reshape(shape).sum(0).tolist()
    return sums


if __name__ == "__main__":
    sys.exit(answer(_trained))
