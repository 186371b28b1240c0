"""`quietkeys doctor`: what works is good, what does not is said with what to do about it."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quietkeys.cli import doctor
from quietkeys.cli.doctor import Finding, Health, examine
from quietkeys.cli.main import app
from quietkeys_protocol.errors import ErrorCode
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.http_trainer import over_http, serving


def what(findings: list[Finding], health: Health) -> str:
    """The findings of one kind, and what to do about them."""
    return "\n".join(f"{one.what} / {one.advice}" for one in findings if one.health is health)


def test_a_good_machine_is_good() -> None:
    """Python, packages, a signed bundle with its security, encryption, memory, disk."""
    findings = list(examine())
    assert what(findings, Health.BAD) == ""
    good = what(findings, Health.GOOD)
    for words in ("Python 3.1", "numpy", "128 bits", "p_error 2^-40", "randomness", "memory", "disk"):
        assert words in good


def test_a_missing_package_and_an_old_python_are_bad(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""

    def version(name: str) -> str:
        if name == "keyring":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor, "_PYTHONS", ())
    bad = what(list(examine(bundle=bundle, trusted_keys=small.TRUSTED)), Health.BAD)
    assert "keyring is missing / Install" in bad
    assert "Use Python 3.11 to 3.14" in bad


def test_a_system_without_randomness_is_bad(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key can be made where the system gives nothing to make it of."""
    assert "randomness" in what(list(examine(bundle=bundle, trusted_keys=small.TRUSTED)), Health.GOOD)
    monkeypatch.setattr(os, "urandom", bytes)
    found = list(examine(bundle=bundle, trusted_keys=small.TRUSTED))
    assert ErrorCode.WORKER_UNSUITABLE.message in what(found, Health.BAD)


def test_a_bundle_that_nobody_signed_is_bad(bundle: Path) -> None:
    """And nothing that depends on it is looked at."""
    findings = list(examine(bundle=bundle, trusted_keys=()))
    assert "bundle" in what(findings, Health.BAD)
    assert "disk" not in what(findings, Health.GOOD)


def test_a_profile_is_opened_and_its_problems_are_said(rig: Rig) -> None:
    """Its size in words; a damaged database; a folder that others may read; one that an app has open."""
    with rig.open(protection=None) as keyboard:
        keyboard.record("see you", "tomorrow", "tomorrow")
        trusted = {"bundle": rig.bundle, "trusted_keys": small.TRUSTED}
        assert "open" in what(list(examine(rig.folder / "profile", **trusted)), Health.BAD)  # type: ignore[arg-type]
    folder = rig.folder / "profile"
    good = what(list(examine(folder, None, rig.bundle, small.TRUSTED)), Health.GOOD)
    assert "1 words recorded" in good
    assert "file beside it" in what(list(examine(folder, None, rig.bundle, small.TRUSTED)), Health.NOTE)
    folder.chmod(0o755)
    (folder / "profile.sqlite").write_bytes(b"damaged")
    notes = what(list(examine(folder, None, rig.bundle, small.TRUSTED)), Health.NOTE)
    assert "other users" in notes
    assert "damaged" in notes
    with rig.open(protection=None) as keyboard:
        keyboard.protect(small.PROTECTION)
    notes = what(list(examine(folder, None, rig.bundle, small.TRUSTED)), Health.NOTE)
    assert "does not open" in notes
    absent = examine(folder / "absent", None, rig.bundle, small.TRUSTED)
    assert "no profile" in what(list(absent), Health.BAD)


def test_a_trainer_is_asked(rig: Rig) -> None:
    """One that answers is good; one that does not, or is no trainer, is bad."""
    with serving(over_http(rig.trainer)) as url:
        assert "trainer answers" in what(list(examine(trainer_url=url)), Health.GOOD)
    for wrong in (url, "http://far.test"):
        bad = what(list(examine(trainer_url=wrong)), Health.BAD)
        assert bad.count("\n") == 0
        assert "trainer" in bad


def test_the_command_ends_with_a_status(tmp_path: Path) -> None:
    """0 if all is well, 2 if something that was asked for does not work."""
    fine = CliRunner().invoke(app, ["doctor"])
    assert fine.exit_code == 0
    assert "ok   bundle en" in fine.stdout
    bad = CliRunner().invoke(app, ["doctor", str(tmp_path / "absent")])
    assert bad.exit_code == 2
    assert "BAD  there is no profile" in bad.stdout
