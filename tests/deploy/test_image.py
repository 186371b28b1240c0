"""What the image holds, checked without an engine to build it: its lock, its Dockerfile, the compose file."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name

from quietkeys_trainer.processes.supervisor import DRAIN_S
from tests.house.conftest import ROOT
from tools.image_lock import APART, build_lock, entries, image_lock

DEPLOY = ROOT / "deploy"
DIGEST = "@sha256:[0-9a-f]{64}"
VENDORED = {"setuptools": "_vendor", "ray": "thirdparty_files"}  # what these bring along
IMPORTS = """
import importlib, pkgutil, sys
allowed = set(sys.argv[1].split())
class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if path is None and top in known and top not in allowed:
            raise ModuleNotFoundError(name, name=name)
known = set(sys.argv[2].split())
sys.meta_path.insert(0, Absent())
import quietkeys_protocol, quietkeys_trainer
for package in (quietkeys_protocol, quietkeys_trainer):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
import concrete.fhe, concrete.compiler, psycopg, ray
"""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    tree: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return tree


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_the_image_is_locked_as_the_project_is() -> None:
    """The image's lock is what the tool makes of requirements.lock: `python tools/image_lock.py`."""
    lock = (DEPLOY / "requirements.lock").read_text()
    assert lock == image_lock(ROOT)
    building = (DEPLOY / "build.lock").read_text()
    assert building == build_lock(ROOT)
    torch = (DEPLOY / "torch.lock").read_text()
    locked = dict(entries((ROOT / "requirements.lock").read_text()))[APART].split()[0]
    assert f"{locked}+cpu " in torch
    for text in (lock, building, torch):
        assert entries(text) and all("--hash=sha256:" in entry for _, entry in entries(text))
    installs = [part for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    fetched = [part for part in installs if "pip install" in part and "wheels/" not in part]
    assert len(fetched) == 3
    assert all("--require-hashes" in part for part in fetched)


def test_the_trainer_runs_on_what_the_image_holds() -> None:
    """Every module of the trainer, Concrete, Ray and psycopg are imported without anything else."""
    names = {name for name, _ in entries((DEPLOY / "requirements.lock").read_text())} | {APART}
    providers = packages_distributions()
    allowed = [
        module
        for module, several in providers.items()
        if module == "concrete" or names & {canonicalize_name(provider) for provider in several}
    ]
    for package, folder in VENDORED.items():
        found = find_spec(package)
        assert found is not None and found.origin is not None
        allowed += [path.stem for path in (Path(found.origin).parent / folder).iterdir()]
    ours = [module for module in providers if module.startswith("quietkeys")]
    known = [module for module in providers if not module.startswith("__")]
    command = [sys.executable, "-c", IMPORTS, " ".join([*allowed, *ours]), " ".join(known)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_dockerfile_ends_as_somebody_without_rights() -> None:
    """A slim base by its digest, a user by number, no secret among the arguments, a check of health."""
    found = instructions()
    bases = [rest for name, rest in found if name == "FROM"]
    assert all(re.match(rf"python:3\.11-slim-\w+{DIGEST}( AS build)?$", base) for base in bases), bases
    users = [rest for name, rest in found if name == "USER"]
    assert users and users[-1].split(":")[0].isdecimal() and int(users[-1].split(":")[0]) > 0
    last = max(number for number, (name, _) in enumerate(found) if name == "USER")
    assert {name for name, _ in found[last:]} & {"RUN", "COPY", "ADD"} == set()
    assert not any(re.search(r"password|secret|token", rest, re.IGNORECASE) for _, rest in found)
    assert "HEALTHCHECK" in dict(found)
    assert "ADD" not in dict(found)


def test_what_the_dockerfile_copies_is_there() -> None:
    """Every source of a COPY from the context exists."""
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            for source in sources:
                assert (ROOT / source).exists(), source


def test_the_context_is_what_is_copied() -> None:
    """Nothing of the folder goes to the engine but what the image is made of: no state, no history."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert {re.sub(r"^deploy/.*\.lock$", "deploy/*.lock", source) for source in copied} == allowed


def options(command: str) -> set[str]:
    """The options of a command of the trainer."""
    said = subprocess.run(
        [sys.executable, "-m", "quietkeys_trainer", command, "--help"],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        check=True,
    ).stdout
    return set(re.findall(r"--[a-z0-9-]+", said))


@pytest.mark.parametrize(("service", "command"), [("api", "serve"), ("worker", "worker")])
def test_the_options_that_are_used_exist(compose: dict[str, Any], service: str, command: str) -> None:
    """What the compose file says to the trainer is what its command line takes."""
    said = " ".join(compose["services"][service]["command"])
    used = set(re.findall(r"--[a-z0-9-]+", said[said.index(command) :]))
    assert len(used) >= 2
    assert used <= options(command)


def test_the_compose_file_gives_nothing_away(compose: dict[str, Any]) -> None:
    """No password stands in it, nothing but the API is published, and that on loopback only."""
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"(PASSWORD|SECRET\w*|KEY): +[^$\s{]", text)
    published = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}
    assert published == {"api": ["127.0.0.1:8750:8750"]}
    for name, service in compose["services"].items():
        assert "privileged" not in service and service.get("network_mode") != "host", name
        assert service.get("restart") == "unless-stopped" or name == "bucket", name
        assert re.search(rf":[\w.-]+{DIGEST}$", service["image"]) or "build" in service, name


def test_the_trainer_is_nobodys_administrator(compose: dict[str, Any]) -> None:
    """Of database and store it has a role of its own, and is told nothing of what administrates them."""
    trainers = [compose["services"][name] for name in ("api", "worker", "node")]
    told = " ".join(str(one.get("environment", "")) for one in trainers)
    assert "ADMIN" not in told and "ROOT" not in told
    assert "POSTGRES_USER" not in compose["services"]["database"]["environment"]
    assert "NOSUPERUSER" in (DEPLOY / "database.sh").read_text()
    assert "Admin" not in (DEPLOY / "store.sh").read_text()


def test_what_is_stopped_may_finish(compose: dict[str, Any]) -> None:
    """Every trainer has longer than a worker waits for its job, before it is killed."""
    for name in ("api", "worker", "node", "database", "store"):
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) > DRAIN_S, name


# Keys of the schema at https://github.com/compose-spec/compose-spec, those that are used here.
KEYS = {
    "": {"services", "networks", "volumes"},
    "services": {
        *("build", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "environment"),
        *("healthcheck", "image", "networks", "ports", "read_only", "restart", "security_opt", "shm_size"),
        *("stop_grace_period", "tmpfs", "volumes"),
    },
    "build": {"context", "dockerfile"},
    "deploy": {"replicas"},
    "healthcheck": {"test", "interval"},
    "networks": {"internal"},
    "volumes": set[str](),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
SPAN = r"\d+(ms|s|m)"


def test_the_compose_file_has_the_form_of_one(compose: dict[str, Any]) -> None:
    """Keys are those of the specification, at their places, and what they hold is of its kind."""
    assert {key for key in compose if not key.startswith("x-")} == KEYS[""]
    for name, service in compose["services"].items():
        assert set(service) <= KEYS["services"], name
        for part in ("build", "deploy", "healthcheck"):
            assert set(service.get(part, {})) <= KEYS[part], (name, part)
        for text in ("command", "entrypoint", "ports", "volumes", "tmpfs", "cap_drop", "security_opt"):
            assert all(isinstance(word, str) for word in service.get(text, [])), (name, text)
        assert all(isinstance(value, str) for value in service.get("environment", {}).values()), name
        for other in service.get("depends_on", {}).values():
            assert set(other) == {"condition"} and other["condition"] in CONDITIONS, name
        health = service.get("healthcheck")
        if health is not None:
            assert health["test"][0] == "CMD" and re.fullmatch(SPAN, health["interval"]), name
        waited_for = {
            one
            for each in compose["services"].values()
            for one, how in each.get("depends_on", {}).items()
            if how["condition"] == "service_healthy"
        }
        assert name not in waited_for or health is not None or "build" in service, name
        assert re.fullmatch(SPAN, service.get("stop_grace_period", "1s")), name
    for part in ("networks", "volumes"):
        assert all(set(one or {}) <= KEYS[part] for one in compose[part].values())


def test_a_trainer_in_a_container_can_do_nothing_else(compose: dict[str, Any]) -> None:
    """Its root cannot be written, it has no capability and gets none, and it runs as nobody's root."""
    for name in ("api", "worker", "node"):
        service = compose["services"][name]
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "user" not in service, name  # that of the image, which is 10001


def test_services_depend_on_services_that_are_there(compose: dict[str, Any]) -> None:
    """Names in `depends_on`, volumes and networks are declared."""
    services = compose["services"]
    for name, service in services.items():
        for other in service.get("depends_on", {}):
            assert other in services, (name, other)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source.startswith(("./", "${")) or source in compose["volumes"], (name, volume)
        for network in service.get("networks", []):
            assert network in compose["networks"], (name, network)


def test_what_was_not_run_says_so() -> None:
    """Dockerfile and compose file are marked as untested, since no engine was at hand."""
    for file in ("Dockerfile", "compose.yaml"):
        head = "\n".join((DEPLOY / file).read_text().splitlines()[:8])
        assert "Untested" in head, file


def test_every_variable_is_explained(compose: dict[str, Any]) -> None:
    """What the compose file takes from the environment is listed on the operations page."""
    page = (Path(ROOT) / "docs" / "OPERATIONS.md").read_text()
    for variable in set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text())):
        assert f"`{variable}`" in page, variable
