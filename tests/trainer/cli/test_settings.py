"""Settings: where they come from, which place goes first, what is refused, what workers are told and how."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.cli.main import make_cli
from quietkeys_trainer.cli.options import ALL, settings_table, variable
from quietkeys_trainer.service.settings import FILE, Settings, parse_settings, read_settings
from tests.house.conftest import ROOT
from tests.trainer.fake_engine import load_fake
from tests.trainer.running import running, wait_until

SECRET: Final = "open-sesame"
PAGE: Final = (ROOT / "docs" / "OPERATIONS.md").read_text()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No variable and no file of whoever runs the tests."""
    for name in ALL:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def unusual(tmp_path: Path) -> dict[str, Any]:
    """For every setting a value that is not the usual one, as it stands in a file."""
    pem = tmp_path / "some.pem"
    pem.touch()
    return {
        "state": str(tmp_path / "elsewhere"),
        "database": f"postgresql://user:{SECRET}@127.0.0.1:1/none",
        "blobs": "s3://bucket/prefix",
        "shipped_plans": False,
        "plan": [str(tmp_path / "one"), str(tmp_path / "two")],
        "client_spec_sha256": ["a" * 64, "b" * 64],
        "plans": str(tmp_path / "published"),
        "pin": False,
        "host": "127.0.0.2",
        "port": 9,
        "tls_certificate": str(pem),
        "tls_key": str(pem),
        "plain_http": True,
        "private_host": "127.0.0.3",
        "private_port": 10,
        "proxies": ["192.0.2.1", "2001:db8::/32"],
        "connections": 99,
        "connections_per_address": 9,
        "ready_file": str(tmp_path / "ready"),
        "workers": 3,
        "warm_bytes": 8,
        "executor": "ray",
        "address": "127.0.0.1:6379",
        "queue_limit": 4,
        "lease_seconds": 5.5,
        "enrolment": "invited",
        **{name: 10 + number for number, name in enumerate(ALL) if name.endswith(("_minute", "_day"))},
        "jobs_in_flight": 6,
        "storage_bytes": 7,
        **{name: 30 + number for number, name in enumerate(ALL) if name.startswith("keep_")},
    }


def read(flags: dict[str, Any] | None = None, file: Path | None = None) -> Settings:
    """The settings on a machine without a file of its own."""
    return read_settings(flags or {}, file, system_file=Path("none.toml"))


def to_toml(values: dict[str, Any]) -> str:
    """A file with these values; JSON is TOML as far as they go."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def to_flags(values: dict[str, Any]) -> list[str]:
    """The arguments that say the same."""
    arguments = []
    for name, value in values.items():
        spelt = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{spelt}" if value else f"--no-{spelt}")
        else:
            arguments += [f"--{spelt}={one}" for one in (value if isinstance(value, list) else [value])]
    return arguments


def in_variables(values: dict[str, Any]) -> dict[str, str]:
    """The environment that says the same."""
    return {
        variable(name): _joined(name, value) if isinstance(value, list) else str(value)
        for name, value in values.items()
    }


def _joined(name: str, values: list[str]) -> str:
    """Several values in one variable; addresses hold colons."""
    return (", " if name == "proxies" else os.pathsep).join(values)


def served(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Settings:
    """What `serve` gets to hear."""
    heard: list[Settings] = []
    monkeypatch.setattr("quietkeys_trainer.cli.main.serve", lambda settings, *_: heard.append(settings))
    done = run("serve", *arguments)
    assert done.exit_code == 0, done.output
    return heard[0]


def run(*arguments: str, told: str = "") -> Result:
    """The command line in this process; told: on its standard input."""
    return CliRunner().invoke(make_cli(load_fake, "tests.trainer.fake_trainer"), arguments, input=told)


def refused(flags: dict[str, Any] | None = None, file: Path | None = None) -> str:
    """Why settings are refused."""
    with pytest.raises(Refused) as caught:
        read(flags, file)
    assert caught.value.code is ErrorCode.SETTING_INVALID
    return caught.value.detail


def test_the_unusual_values_are_complete(unusual: dict[str, Any]) -> None:
    """What the tests below say of every setting, they say of all there are."""
    assert set(unusual) == set(ALL)
    usual, other = read().model_dump(mode="json"), Settings(**unusual).model_dump(mode="json")
    assert [name for name in ALL if usual[name] == other[name]] == []


def test_every_setting_is_a_flag(unusual: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` takes each by a flag of its name."""
    assert served(monkeypatch, *to_flags(unusual)) == Settings(**unusual)


def test_every_setting_is_a_variable(unusual: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment sets each; several are separated as folders in PATH are."""
    for name, value in in_variables(unusual).items():
        monkeypatch.setenv(name, value)
    assert served(monkeypatch) == Settings(**unusual)


def test_every_setting_may_stand_in_the_file(
    unusual: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is given sets each."""
    file = tmp_path / "given.toml"
    file.write_text(to_toml(unusual))
    file.chmod(0o600)
    assert served(monkeypatch, "--config", str(file)) == Settings(**unusual)


def test_a_flag_goes_before_a_variable_and_this_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place fills what the ones before it leave open, and an empty variable says nothing."""
    file = tmp_path / "given.toml"
    file.write_text(to_toml({"port": 1, "workers": 1, "host": "a", "blobs": "b"}))
    monkeypatch.setenv(variable("port"), "2")
    monkeypatch.setenv(variable("workers"), "2")
    monkeypatch.setenv(variable("blobs"), "")
    found = read({"port": "3"}, file)
    assert (found.port, found.workers, found.host, found.blobs) == (3, 2, "a", "b")
    assert found.queue_limit == Settings().queue_limit


def test_the_usual_file_is_that_of_the_state_folder_then_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the state folder is said to be; the machine's may say it itself."""
    state, machine = tmp_path / "state", tmp_path / "machine.toml"
    machine.write_text(to_toml({"port": 1, "state": str(tmp_path / "there")}))
    found = read_settings({"state": str(state)}, system_file=machine)
    assert (found.port, found.state) == (1, state)
    assert read_settings({}, system_file=machine).state == tmp_path / "there"
    state.mkdir()
    (state / FILE).write_text("port = 2\n")
    assert read_settings({"state": str(state)}, system_file=machine).port == 2
    monkeypatch.setenv(variable("state"), str(state))
    assert read_settings({}, system_file=machine).port == 2


def test_a_state_folder_does_not_name_another(tmp_path: Path) -> None:
    """A file that was found in one state folder cannot send the trainer to another."""
    (tmp_path / FILE).write_text(to_toml({"state": str(tmp_path / "other")}))
    flags = {"state": str(tmp_path)}
    assert read(flags).state == tmp_path  # the flag goes first
    default = tmp_path / "trainer-state"
    default.mkdir()
    (default / FILE).write_text(to_toml({"state": str(tmp_path / "other")}))
    assert "names another" in refused()


def test_paths_are_absolute(tmp_path: Path) -> None:
    """Workers may be started anywhere: what is relative is meant from where the command was given."""
    found = read({"state": "s", "plan": ["p"], "plans": "q", "ready_file": "r"})
    assert (found.state, *found.plan, found.plans, found.ready_file) == tuple(
        tmp_path / name for name in "spqr"
    )


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    """A slip of the pen in the file is no silent default, and a near name is suggested."""
    file = tmp_path / "given.toml"
    file.write_text("wrokers = 2\n")
    said = refused(file=file)
    assert "wrokers" in said and "workers" in said and str(file) in said
    file.write_text("[section]\nport = 2\n")
    assert "section" in refused(file=file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("port", "x"),
            ("port", "65536"),
            ("workers", "-1"),
            ("lease_seconds", "0"),
            ("lease_seconds", "nan"),
        ),
        *(("executor", "cloud"), ("enrolment", "closed"), ("shipped_plans", "perhaps")),
        *(("tls_key", "none.pem"), ("keep_keys_days", "1.5")),
    ],
)
def test_a_bad_value_is_said_where_it_stands(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By flag, by variable and in the file the sentence names the place, and never the value."""
    spelt = f"--{name.replace('_', '-')}"
    assert refused({name: value}).startswith(f"{spelt}: ")
    file = tmp_path / "given.toml"
    file.write_text(to_toml({name: value}))
    assert refused(file=file).startswith(f"{name} in {file}: ")
    monkeypatch.setenv(variable(name), value)
    assert refused().startswith(f"{variable(name)}: ")


def test_no_value_is_told(tmp_path: Path) -> None:
    """What is refused may be a password in the wrong place."""
    file = tmp_path / "given.toml"
    for text in (
        f'port = "{SECRET}"',
        f'{FILE[:-5]} = "{SECRET}"',
        f"database = {SECRET}",
        f"database = [{SECRET!r}]",
    ):
        file.write_text(text)
        assert SECRET not in refused(file=file)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """One that is not there, and one that is no TOML, each in a sentence that names it."""
    file = tmp_path / "given.toml"
    assert str(file) in refused(file=file)
    for content in (b"port = \n", b"\xff\xfe"):
        file.write_bytes(content)
        assert f"{file} is no TOML" in refused(file=file)


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["admin", "devices"]])
def test_a_refusal_ends_every_command_with_one_line(command: list[str], tmp_path: Path) -> None:
    """Status 2, one line that says what to do, nothing stored."""
    file = tmp_path / "given.toml"
    file.write_text("prot = 3\n")
    done = run(*command, "--config", str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "prot" in done.stderr and "docs/OPERATIONS.md" in done.stderr
    assert not (tmp_path / "trainer-state").exists()


def test_a_worker_reads_every_setting_that_its_service_has(
    unusual: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `serve` writes to its standard input makes equal settings, whatever its environment says."""
    settings = Settings(**unusual)
    monkeypatch.setenv(variable("workers"), "9")
    assert parse_settings(settings.model_dump_json().encode()) == settings
    heard: list[Any] = []
    monkeypatch.setattr("quietkeys_trainer.cli.main.work", lambda *given: heard.append(given))
    done = run("supervised", "1" * 32, "7", told=settings.model_dump_json())
    assert done.exit_code == 0, done.output
    assert heard == [(settings, load_fake, "1" * 32, 7)]


@pytest.mark.parametrize(
    "told",
    [SECRET, f'{{"port": "{SECRET}"}}', f'{{"{SECRET}": 1}}', f'{{"database": ["{SECRET}"]}}', "[]", ""],
)
def test_a_worker_that_is_told_nonsense_ends_with_one_line(told: str) -> None:
    """Status 2, and not a word of what it was told: whatever it is, it may be a secret."""
    done = run("supervised", "1" * 32, "7", told=told)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert SECRET not in done.stderr


def test_no_secret_is_among_the_arguments_of_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the database, which may hold a password, reaches workers all the same."""
    monkeypatch.chdir(ROOT)
    database = tmp_path / SECRET / "ledger.sqlite"
    database.parent.mkdir()
    file = tmp_path / "given.toml"
    file.write_text(to_toml({"database": f"sqlite:///{database}"}))
    with running(tmp_path, "--config", str(file)) as trainer:
        assert trainer.process is not None
        wait_until(lambda: "worker_ready" in trainer.log)
        workers = trainer.workers()
        for pid in (trainer.process.pid, *workers):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert b"fake_trainer" in arguments and SECRET.encode() not in arguments
        environment = Path(f"/proc/{workers[0]}/environ").read_bytes()
        assert SECRET.encode() not in environment
        open_files = {os.readlink(f) for f in Path(f"/proc/{workers[0]}/fd").iterdir()}  # noqa: PTH115
        assert any(str(database) in name for name in open_files)


def test_the_operations_page_lists_the_settings() -> None:
    """Its table is what `settings_table` makes of the model, and its file is read as it stands."""
    assert settings_table() in PAGE
    (example,) = PAGE.split("```toml\n")[1:]
    file = Path("example.toml")
    file.write_text(example.partition("```")[0])
    file.chmod(0o600)
    assert {*tomllib.loads(file.read_text())} <= set(ALL)
    assert read(file=file) != read()


def test_help_lists_what_a_setting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve --help` describes every setting in the words of the model."""
    monkeypatch.setenv("COLUMNS", "4000")
    said = run("serve", "--help").stdout
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in said
        assert field.description is not None and field.description in said, name
