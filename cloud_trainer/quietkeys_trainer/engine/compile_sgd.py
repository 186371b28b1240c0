"""Compiles a batch of the recipe `sgd` with Concrete ML: its own encrypted `SGDClassifier`, one step of it.

Only the engine's children import this module. What differs from the library's defaults is what the plan says,
rounding that is approximate (exact rounding costs more, in keys and time), and compressed keys and inputs.
Running what is compiled needs Concrete alone.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys_protocol.sgd_plan import Grid, SgdPlan
from quietkeys_trainer.engine.interface import EngineFailed

_EDGE: Final = 1.0  # features are scaled to -1..1


def compile_batch(plan: SgdPlan) -> Any:
    """Compile one step of a plan; return Concrete's `Circuit`.

    Raises `EngineFailed` where Concrete ML would read numbers otherwise than the plan says.
    """
    from concrete.fhe import Configuration
    from concrete.ml.sklearn import SGDClassifier

    limit = plan.weight_limit
    classifier = SGDClassifier(
        fit_encrypted=True, parameters_range=(-limit, limit), fit_intercept=False, random_state=0
    )
    classifier.n_bits_training = plan.bits
    classifier.rounding_training = {"n_bits": plan.rounding_bits, "method": "APPROXIMATE"}
    classifier.batch_size = plan.batch
    classifier.learning_rate_value = plan.learning_rate
    classifier.training_p_error = plan.p_error
    classifier.training_fhe_configuration = Configuration(
        compress_evaluation_keys=True,
        compress_input_ciphertexts=True,
        dump_artifacts_on_unexpected_failures=False,
    )
    edges = np.full(plan.width, _EDGE)
    # What `fit` itself calls; `fit` would take these edges from examples, which are not here.
    module = classifier._get_training_quantized_module(x_min=-edges, x_max=edges, device="cpu")
    features, labels, weights, _ = module.input_quantizers
    for quantizer, grid in (
        (features, plan.feature_grid),
        (labels, plan.label_grid),
        (weights, plan.weight_grid),
    ):
        if _grid_of(quantizer) != grid:
            raise EngineFailed("Concrete ML rounds otherwise than the plan says")
    return module.fhe_circuit


def save_circuit(circuit: Any, folder: Path) -> None:
    """Write the compiled library and its description into a folder that does not exist yet."""
    shutil.move(circuit.server._library.get_output_dir_path(), folder)


def _grid_of(quantizer: Any) -> Grid:
    low = -int(quantizer.offset)
    if quantizer.zero_point != 0 or quantizer.is_narrow or quantizer.no_clipping:
        raise EngineFailed("Concrete ML rounds otherwise than the plan says")
    return Grid(float(quantizer.scale), low, low + (1 << quantizer.n_bits) - 1)
