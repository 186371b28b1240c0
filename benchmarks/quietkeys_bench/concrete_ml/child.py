"""Concrete ML's encrypted training in a process of its own: `python -m quietkeys_bench.concrete_ml.child`.

The request comes as JSON on standard input; the answer is JSON, the last line of standard output. Everything
is the library's default but what is said in the request, zeros to start from, and no intercept.
"""

from __future__ import annotations

import io
import re
import sys
import time
from contextlib import redirect_stdout
from typing import Any, Final

import numpy as np

from quietkeys_bench.common.processes import answer

_STEP: Final = re.compile(r"Iteration \d+ took ([\d.]+) seconds")
_START: Final = "Training on encrypted data"


class Said(io.StringIO):
    """What the library prints, with the processor time, s, at the start of training and after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[float] = []
        self.step_seconds: list[float] = []

    def write(self, text: str) -> int:
        """See `StringIO`."""
        if text.startswith(_START):
            self.marks, self.step_seconds = [time.process_time()], []
        elif found := _STEP.match(text):
            self.marks.append(time.process_time())
            self.step_seconds.append(float(found[1]))
        return super().write(text)


def _train(request: dict[str, Any]) -> dict[str, Any]:
    X = np.array(request["X"], dtype=np.float64)  # [N, d]
    y = np.array(request["y"])  # [N]
    said = Said()
    with redirect_stdout(said):
        clear = _classifier(request).fit(X, y, fhe="disable", coef_init=np.zeros(X.shape[1]))
        if not request["execute"]:
            return {"clear": clear.coef_.ravel().tolist()} | _size(clear, X, y, encrypted=False)
        encrypted = _classifier(request).fit(X, y, fhe="execute", coef_init=np.zeros(X.shape[1]))
    return {
        "clear": clear.coef_.ravel().tolist(),
        "encrypted": encrypted.coef_.ravel().tolist(),
        "seconds": sum(said.step_seconds),
        "cpu_seconds": said.marks[-1] - said.marks[0],  # encrypting the batches included, milliseconds
        **_size(encrypted, X, y, encrypted=True),
    }


def _classifier(request: dict[str, Any]) -> Any:
    from concrete.fhe import Configuration
    from concrete.ml.sklearn import SGDClassifier

    classifier = SGDClassifier(
        fit_encrypted=True,
        parameters_range=tuple(request["parameters_range"]),
        fit_intercept=False,
        max_iter=request["steps"],
        random_state=request["seed"],
        verbose=1,  # it prints what a step takes
    )
    classifier.training_p_error = request["p_error"] or classifier.training_p_error
    # As quietkeys sends them; the library's default is neither, and then both are several times larger.
    classifier.training_fhe_configuration = Configuration(
        compress_evaluation_keys=True, compress_input_ciphertexts=True
    )
    return classifier


def _size(classifier: Any, X: Any, y: Any, encrypted: bool) -> dict[str, Any]:
    # What a training takes and sends: batches and labels for every step, weights there and back once.
    module, batch = classifier.training_quantized_module, classifier.batch_size
    circuit = module.fhe_circuit
    size = {
        "p_error": classifier.training_p_error,
        "batch": batch,
        "bootstraps": circuit.programmable_bootstrap_count,
        "complexity": circuit.complexity,
    }
    if not encrypted:
        keys = circuit.size_of_bootstrap_keys + circuit.size_of_keyswitch_keys
        return size | {"uncompressed_key_bytes": keys}
    inputs = module.quantize_input(
        X[:batch].reshape(1, batch, -1).astype(np.float64),
        y[:batch].reshape(1, batch, 1).astype(np.float64),
        np.zeros((1, X.shape[1], 1)),
        np.zeros((1, 1, 1)),
    )
    samples, labels, weights, bias = (len(value.serialize()) for value in circuit.encrypt(*inputs))
    return size | {
        "key_bytes": len(circuit.keys.evaluation.serialize()),
        "upload_bytes": classifier.max_iter * (samples + labels) + weights + bias,
        "download_bytes": circuit.size_of_outputs,
    }


if __name__ == "__main__":
    sys.exit(answer(_train))
