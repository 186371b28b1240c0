"""`quietkeys estimate`: bytes to the byte, seconds and memory that follow from machine, network and plan."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.cipher import Parameters
from quietkeys.cli.estimate import Network, estimate, transform_seconds
from quietkeys.cli.main import app
from quietkeys_protocol.containers import Report, Update, encode_report, encode_update
from quietkeys_protocol.plan import Plan


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    """Those of the shipped bundle."""
    bundle = shipped_bundle()
    return Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])


def test_bytes_are_those_of_real_containers(parameters: Parameters) -> None:
    """With values of the sizes that the pinned specification says."""
    found = estimate(parameters, Network(), 2, transform_s=1e-6)
    frames = parameters.frames
    report = Report(bytes(32), bytes(32), 0, 1, 1, tuple(bytes(frame.size) for frame in frames.report))
    update = Update(bytes(32), bytes(32), bytes(16), tuple(bytes(frame.size) for frame in frames.update))
    assert found.report_bytes == len(encode_report(report))
    assert found.update_bytes == len(encode_update(update))
    assert found.keys_bytes == frames.keys.size
    assert found.look_ups == parameters.plan.look_ups


def test_seconds_follow_machine_and_network(parameters: Parameters) -> None:
    """Twice the cores: half the training; twice the uplink: half the upload; keys go up once."""
    slow = estimate(parameters, Network(1e6, 1e6), 1, transform_s=4e-6)
    fast = estimate(parameters, Network(2e6, 1e6), 2, transform_s=4e-6)
    assert slow.first_seconds["upload keys"] == pytest.approx(8 * slow.keys_bytes / 1e6)
    assert fast.first_seconds["upload keys"] == pytest.approx(slow.first_seconds["upload keys"] / 2)
    assert slow.trainer_seconds / 2 < fast.trainer_seconds < slow.trainer_seconds
    assert "upload keys" not in slow.later_seconds
    assert sum(slow.later_seconds.values()) < sum(slow.first_seconds.values())
    assert slow.device_memory <= 90_000_000  # whatever the keys have


def test_the_machine_is_looked_at() -> None:
    """A transform takes some time, and a larger one more."""
    small, large = transform_seconds(256, 0.05), transform_seconds(8192, 0.05)
    assert 0 < small < large < 0.1


def test_the_command_says_the_same_as_json_and_as_a_table(parameters: Parameters) -> None:
    """The figures of the estimate, and a line for every step."""
    said = json.loads(CliRunner().invoke(app, ["estimate", "--json", "--up", "1"]).stdout)
    assert said.keys() == asdict(estimate(parameters, Network(), 2, transform_s=1e-6)).keys()
    assert said["first_seconds"]["upload keys"] == pytest.approx(8 * said["keys_bytes"] / 1e6)
    table = CliRunner().invoke(app, ["estimate"]).stdout
    for words in ("evaluation keys up", "19.6 MB", "generate keys", "in all", "in a process of its own"):
        assert words in table
