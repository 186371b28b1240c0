"""Client specifications: ours passes at its real level, every weaker or other one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from math import log2
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.security import CURVES, check_specification, security_bits
from quietkeys_protocol.specification import canonical_specification, parse_specification

VECTORS: Final = Path(__file__).parents[1] / "vectors"
PLAN: Final = Plan.parse((VECTORS / "small_plan.json").read_bytes())
SPECIFICATION: Final = (VECTORS / "small_specification.json").read_bytes()
TREE: Final[Any] = json.loads(SPECIFICATION)
Edit = Callable[[Any], object]
Place = tuple[str | int, ...]


def check(tree: Any) -> int:
    """The security level of a specification, checked as a device does."""
    encoded = canonical_specification(json.dumps(tree).encode())
    return check_specification(parse_specification(encoded), PLAN)


def input_of(tree: Any) -> Any:
    """The first encrypted input."""
    return tree["circuits"][0]["inputs"][0]["typeInfo"]["lweCiphertext"]


def small_dimension(tree: Any) -> None:
    """Dimension 16 everywhere, consistently."""
    size = tree["keyset"]["lweSecretKeys"][0]["params"]["lweDimension"]
    text = json.dumps(tree).replace(str(size), "16").replace(str(size + 1), "17")
    tree.clear()
    tree.update(json.loads(text))


def plaintext_input(tree: Any) -> None:
    """The first input is sent in clear."""
    gate = tree["circuits"][0]["inputs"][0]
    gate["typeInfo"] = {
        "plaintext": {"shape": {"dimensions": [4]}, "integerPrecision": 64, "isSigned": False}
    }


ATTACKS: Final[dict[str, Edit]] = {
    "plaintext input": plaintext_input,
    "index input": lambda t: t["circuits"][0]["inputs"][0].update(typeInfo={"index": {}}),
    "zero variance of an input": lambda t: input_of(t)["encryption"].update(variance=0.0),
    "negative variance": lambda t: input_of(t)["encryption"].update(variance=-1e-20),
    "variance that is no number": lambda t: input_of(t)["encryption"].update(variance="8e-31"),
    "zero variance of a key": lambda t: t["keyset"]["lweBootstrapKeys"][0]["params"].update(variance=0.0),
    "dimension 16 of an input": lambda t: input_of(t)["encryption"].update(lweDimension=16),
    "dimension 16 throughout": small_dimension,
    "dimension beyond the key": lambda t: input_of(t)["encryption"].update(lweDimension=4096),
    "a key that is not there": lambda t: input_of(t)["encryption"].update(keyId=7),
    "the small key": lambda t: input_of(t)["encryption"].update(keyId=1),
    "two keys of one id": lambda t: t["keyset"]["lweSecretKeys"][1].update(id=0),
    "no keys": lambda t: t["keyset"].update(lweSecretKeys=[]),
    "TFHE-rs types": lambda t: t.update(tfhers_specs={"input_types_per_func": {}}),
    "TFHE-rs input": lambda t: t["circuits"][0]["inputs"][0].update(tfhersInfo={}),
    "ternary key": lambda t: t["keyset"]["lweSecretKeys"][0]["params"].update(keyType="ternary"),
    "ternary bootstrap key": lambda t: t["keyset"]["lweBootstrapKeys"][0]["params"].update(keyType="ternary"),
    "unknown field": lambda t: input_of(t).update(extra=1),
    "unknown top field": lambda t: t.update(extra=1),
    "missing field": lambda t: input_of(t).pop("compression"),
    "other compression": lambda t: input_of(t).update(compression="paillier"),
    "uncompressed input": lambda t: input_of(t).update(compression="none"),
    "other encoding": lambda t: input_of(t).update(encoding={"boolean": {}}),
    "chunked encoding": lambda t: input_of(t)["encoding"]["integer"].update(mode={"chunked": {"size": 1}}),
    "other modulus": lambda t: input_of(t)["encryption"].update(modulus={"modulus": {"powerOfTwo": {}}}),
    "32-bit words": lambda t: input_of(t).update(integerPrecision=32),
    "signed strengths": lambda t: input_of(t)["encoding"]["integer"].update(isSigned=True),
    "circuit of another name": lambda t: t["circuits"][0].update(name="train_other"),
    "circuit too many": lambda t: t["circuits"].append(t["circuits"][0]),
    "circuit too few": lambda t: t["circuits"].pop(),
    "input too many": lambda t: t["circuits"][0]["inputs"].append(t["circuits"][0]["inputs"][0]),
    "output too many": lambda t: t["circuits"][0]["outputs"].append(t["circuits"][0]["outputs"][0]),
}


def test_the_shipped_parameters_pass_at_their_own_level() -> None:
    """128 bits is what the curves say of these dimensions and variances."""
    assert check(TREE) == 128


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(attack: str) -> None:
    """Whatever a specification asks for beside our own shape and strength is `Untrusted`."""
    tree = deepcopy(TREE)
    ATTACKS[attack](tree)
    with pytest.raises(Untrusted) as refused:
        check(tree)
    assert refused.value.code is ErrorCode.SPECIFICATION_UNTRUSTED


@pytest.mark.parametrize(
    "encoded", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}', b"{}" * 600_000]
)
def test_what_is_no_specification_is_refused(encoded: bytes) -> None:
    """Garbage is a typed error, however it is made."""
    with pytest.raises(Untrusted):
        parse_specification(encoded)


def test_other_spellings_are_refused() -> None:
    """A specification has one encoding; a repeated key has none."""
    for encoded in (json.dumps(TREE).encode(), SPECIFICATION.replace(b"{", b'{"circuits":[],', 1)):
        with pytest.raises(Untrusted):
            parse_specification(encoded)


def places(tree: Any, kind: type, where: Place = ()) -> list[Place]:
    """Where the numbers of a kind stand in a tree."""
    if isinstance(tree, dict):
        return [place for key, value in tree.items() for place in places(value, kind, (*where, key))]
    if isinstance(tree, list):
        return [place for i, value in enumerate(tree) for place in places(value, kind, (*where, i))]
    return [where] if type(tree) is kind else []


def replaced(place: Place, change: Callable[[Any], Any]) -> Any:
    """The specification with one number changed."""
    tree: Any = deepcopy(TREE)
    parent = tree
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = change(parent[place[-1]])
    return tree


@given(st.sampled_from(places(TREE, float)), st.floats(0.0, 0.999))
def test_any_variance_made_smaller_is_refused(place: Place, share: float) -> None:
    """Noise is at the curve, so a thousandth less anywhere is too little."""
    assert place[-1] == "variance"
    with pytest.raises(Untrusted):
        check(replaced(place, lambda variance: variance * share))


@given(st.sampled_from([p for p in places(TREE, int) if "imension" in str(p[-1])]), st.data())
def test_any_dimension_made_smaller_is_refused(place: Place, data: st.DataObject) -> None:
    """No single dimension can shrink: it would not fit its key, or not its noise."""
    with pytest.raises(Untrusted):
        check(replaced(place, lambda size: data.draw(st.integers(0, size - 1))))


@given(st.sampled_from(places(TREE, int)), st.sampled_from([-1, 0, 1 << 40, "1", None, 1.5, True]))
def test_any_number_made_nonsense_is_refused(place: Place, value: object) -> None:
    """Numbers out of range and of other types are refused; zero is where a key is called so."""
    if value == 0 and place[-1] in {"id", "keyId", "inputId", "outputId"} and value is not False:
        return
    with pytest.raises(Untrusted):
        check(replaced(place, lambda _: value))


def test_the_level_is_read_from_the_noise() -> None:
    """With the noise of the next curve everywhere, the same dimensions have the next level."""
    tree, strongest = deepcopy(TREE), max(CURVES, key=lambda curve: curve.bits)
    sizes = {key["id"]: key["params"]["lweDimension"] for key in tree["keyset"]["lweSecretKeys"]}

    def enough(dimension: int) -> float:
        return float(2.0 ** (2 * (strongest.slope * dimension + strongest.bias)) + 2.0**-124)

    for name in ("lweBootstrapKeys", "lweKeyswitchKeys"):
        for key in tree["keyset"][name]:
            key["params"]["variance"] = enough(sizes[key["outputId"]])
    for circuit in tree["circuits"]:
        for gate in circuit["inputs"] + circuit["outputs"]:
            encryption = gate["typeInfo"]["lweCiphertext"]["encryption"]
            encryption["variance"] = enough(encryption["lweDimension"])
    assert check(tree) == strongest.bits == 132
    assert security_bits(parse_specification(SPECIFICATION)) == 128


def test_the_curves_against_published_points() -> None:
    """At dimension 1024 the 128-bit curve asks for noise of 2^-23.6, as the lattice estimator's tables do."""
    curve = next(curve for curve in CURVES if curve.bits == 128)
    assert curve.slope * 1024 + curve.bias == pytest.approx(-23.64, abs=0.01)
    least = 2.0 ** (2 * (curve.slope * 1024 + curve.bias))
    assert curve.admits(1024, least)
    assert not curve.admits(1024, least * 0.999)
    assert not curve.admits(449, 0.5)
    assert log2(2.0**-124) / 2 == -62
    assert not curve.admits(1 << 17, 2.0**-125)
