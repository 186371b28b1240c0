"""From the trained network to the ONNX graph."""

from __future__ import annotations

from torch import Tensor

from quietkeys.arrays import Float32

from . import graph
from .graph import Weights
from .network import Network


def weights_of(network: Network) -> Weights:
    """Return the weights of a network in the order that the graph wants them."""
    memory = network.memory
    return Weights(
        words=_array(network.words.weight),
        ngrams=_array(network.ngrams.weight)[:-1],  # the last row is padding
        input_gates=_array(memory.weight_ih_l0),
        state_gates=_array(memory.weight_hh_l0),
        gate_bias=_array(memory.bias_ih_l0) + _array(memory.bias_hh_l0),
        query=_array(network.query.weight),
        query_bias=_array(network.query.bias),
        word_bias=_array(network.bias),
    )


def onnx_bytes(network: Network) -> bytes:
    """Return the int8 model of a trained network."""
    content: bytes = graph.build(weights_of(network)).SerializeToString(deterministic=True)
    return content


def _array(tensor: Tensor) -> Float32:
    found: Float32 = tensor.detach().float().numpy()
    return found
