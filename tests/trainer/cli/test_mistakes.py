"""Commands of an administrator that meant something else: refused in a sentence, with what to do next."""

from __future__ import annotations

from pathlib import Path

from tests.trainer.filled import Filled
from tests.trainer.running import Trainer
from tests.trainer.stores import Storage, on_both

DAY = 86_400


@on_both
def test_no_command_but_serve_makes_a_trainer(filled: Filled, tmp_path: Path) -> None:
    """A mistyped state folder, or a database that is not there, is said to be none; nothing is made."""
    before = filled.everything()
    typo = tmp_path / "typo"
    commands = (
        *(("invite",), ("token",), ("devices",), ("jobs",), ("retry",), ("audit",), ("tidy",), ("clock",)),
        *(("backup", str(tmp_path / "backup")), ("migrate",), ("purge", "0" * 32)),
    )
    for command in commands:
        elsewhere = {"QUIETKEYS_DATABASE": f"sqlite:///{typo / 'ledger.sqlite'}"}
        refused = filled.refusal("admin", *command, **elsewhere)
        assert "there is no trainer here" in refused, command
        assert "--state" in refused
    assert not typo.exists()
    assert not (tmp_path / "backup").exists()
    assert filled.everything() == before


@on_both
def test_what_cannot_be_undone_asks_first(filled: Filled) -> None:
    """Deleting devices, dropping the schema, ending a token: named, refused, and done when confirmed."""
    filled.said("admin", "token")
    before = filled.everything()
    device = filled.devices[0].device_id
    for command, names in (
        (("purge", device), "1 devices with their keys, 1 reports and 1 jobs"),
        (("migrate", "base"), "rows"),
        (("token",), "token"),
    ):
        refused = filled.refusal("admin", *command)
        assert names in refused
        assert "--confirm" in refused
    assert "revision" in filled.refusal("admin", "migrate", "NONSENSE")
    assert "no device" in filled.refusal("admin", "purge", "0" * 32, "--confirm")
    assert filled.everything() == before
    filled.said("admin", "purge", device, "--confirm")
    assert len(filled.storage.names()) == 3


def test_a_database_that_does_not_answer_is_said_to_be_that(filled: Filled) -> None:
    """A server that is down is one sentence that says so, and holds no password."""
    refused = filled.refusal(
        "admin", "devices", QUIETKEYS_DATABASE="postgresql://u:open-sesame@127.0.0.1:1/x"
    )
    assert "does not answer" in refused
    assert "open-sesame" not in refused


def test_a_file_that_everybody_reads_holds_no_password(tmp_path: Path, storage: Storage) -> None:
    """A settings file with the database's password is refused until it is private."""
    file = tmp_path / "trainer.toml"
    file.write_text('database = "postgresql://trainer:open-sesame@127.0.0.1:1/none"\n')
    file.chmod(0o644)
    trainer = Trainer(tmp_path)
    trainer.control.mkdir()
    filled = Filled(tmp_path, storage, trainer)
    refused = filled.refusal("admin", "devices", "--config", str(file))
    assert "chmod" in refused
    assert "open-sesame" not in refused
    file.chmod(0o640)
    assert "does not answer" in filled.refusal("admin", "devices", "--config", str(file))
