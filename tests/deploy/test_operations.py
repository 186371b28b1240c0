"""docs/OPERATIONS.md, followed word for word in a fresh folder: its commands are taken from the page."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import requests

from quietkeys_bench.common.cluster import free_port
from quietkeys_protocol.errors import ErrorCode
from tests.house.conftest import ROOT
from tests.patience import HANGS_S
from tests.trainer.device import Device, code
from tools.wheels import built

PAGE: Final = (ROOT / "docs" / "OPERATIONS.md").read_text()
SECTION: Final = PAGE.partition("## From the first day to the last")[2].partition("\n## ")[0]
# A step is a paragraph that begins in bold, and the block that follows it.
STEPS: Final = dict(
    re.findall(r"^\*\*([^*]+?)\.?\*\*[^\n]*\n(?:[^\n]+\n)*\n((?:    [^\n]*\n)+)", SECTION, re.MULTILINE)
)
ROOMS: Final = ("/var/lib/", "/var/log/", "/var/backups/", "/etc/", "/run/")
INSTALLED: Final = re.compile(r"pip install (?:--upgrade )?'quietkeys\[trainer\]'")


@dataclass(slots=True)
class Machine:
    """A folder in the place of a machine: its rooms lie there, its ports are free ones."""

    folder: Path
    wheel: Path
    port: int = field(default_factory=free_port)
    private_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where devices are answered."""
        return f"http://127.0.0.1:{self.port}"

    def do(self, step: str) -> str:
        """What the commands of a step print; what was set and started stays so for the next."""
        lines = [line[4:] for line in STEPS[step].splitlines()]
        script = self._here("\n".join(lines))
        kept = self.folder / "environment"
        whole = (
            f"set -eu\n[ ! -e {kept} ] || source {kept}\n{script}\n{{ export -p; declare -f; }} > {kept}\n"
        )
        done = subprocess.run(
            ["bash", "-c", whole],
            capture_output=True,
            text=True,
            timeout=HANGS_S,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            check=False,
        )
        log = self.folder / "var" / "log" / "quietkeys.log"
        assert done.returncode == 0, (step, done.stderr, log.read_text()[-2000:] if log.exists() else "")
        return done.stdout

    def end(self) -> None:
        """Kills the trainer, where a step failed."""
        kept = self.folder / "environment"
        found = re.search(r'TRAINER="(\d+)"', kept.read_text()) if kept.exists() else None
        if found is not None and Path(f"/proc/{found[1]}").exists():
            os.kill(int(found[1]), signal.SIGKILL)

    def _here(self, script: str) -> str:
        """The same commands, on this machine."""
        for room in ROOMS:
            (self.folder / room[1:]).mkdir(parents=True, exist_ok=True)
            script = re.sub(rf"(?<![\w/.]){room}", f"{self.folder}{room}", script)
        script = script.replace("8750", str(self.port)).replace("8751", str(self.private_port))
        ports = f"export QUIETKEYS_PORT={self.port} QUIETKEYS_PRIVATE_PORT={self.private_port}\n"
        return ports + INSTALLED.sub(
            f"pip install --quiet --no-index --no-deps --force-reinstall {self.wheel}", script
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A fresh one, with what the wheel needs at hand, and the wheel as `make wheel` builds it."""
    folder, dist = tmp_path_factory.mktemp("machine"), tmp_path_factory.mktemp("dist")
    machine = Machine(folder, built(dist))
    try:
        yield machine
    finally:
        machine.end()


def enrolled(device: Device, invite: str) -> int:
    """The status of an enrolment."""
    key = base64.b64encode(device.public_key).decode()
    body = json.dumps({"public_key": key, "invite": invite}).encode()
    return device.send("POST", "/v1/devices", body).status_code


def knows(machine: Machine, device: Device) -> bool:
    """Whether the trainer that runs there knows a device."""
    device.url = machine.url
    return device.send("GET", f"/v1/devices/{device.device_id}").status_code == 200


@pytest.mark.fhe
def test_the_page_is_followed_word_for_word(machine: Machine) -> None:
    """Every step does what it says, one after the other, and devices stay known throughout."""
    programs = machine.folder / "var" / "lib" / "quietkeys.programs"
    venv.create(programs, with_pip=True)
    (site,) = (programs / "lib").glob("python*/site-packages")
    (site / "needed.pth").write_text(str(Path(pytest.__file__).parent.parent) + "\n")
    machine.do("Install")
    assert (programs / "bin" / "quietkeys-trainer").exists()
    machine.do("First start")
    assert requests.get(machine.url + "/healthz", timeout=HANGS_S).json() == {"status": "ok"}
    invite = machine.do("Let devices in").strip()
    ann, ben, eve = (Device(machine.url) for _ in range(3))
    assert [enrolled(one, invite) for one in (ann, ben, eve)] == [201, 201, 403]
    assert enrolled(eve, json.loads(machine.do("A token"))["invite"]) == 201
    looked = machine.do("Look at it")
    assert "quietkeys_database_up 1.0" in looked
    assert all(one.device_id in looked for one in (ann, ben, eve))
    assert "operator_token_made" in looked
    assert json.loads(machine.do("Back up"))["devices"] == 3
    restored = machine.do("Restore elsewhere")
    assert all(one.device_id in restored for one in (ann, ben, eve))
    machine.do("Retire a plan")
    assert knows(machine, ann)
    log = (machine.folder / "var" / "log" / "quietkeys.log").read_text()
    assert "Traceback" not in log
    assert json.loads(machine.do("Another certificate"))["status"] == "ok"
    before = (machine.folder / "etc" / "quietkeys.token").read_text().strip()
    machine.do("Another token")
    after = (machine.folder / "etc" / "quietkeys.token").read_text().strip()
    key = (machine.folder / "var" / "lib" / "quietkeys" / "trainer.key").read_bytes()
    machine.do("Another key for receipts")
    assert (machine.folder / "var" / "lib" / "quietkeys" / "trainer.key").read_bytes() != key
    assert knows(machine, ann) and knows(machine, ben)
    wish = '{"uses":"1","days":"7"}'
    asked = machine.url + "/v1/admin/invites"
    for token, status in ((before, 401), (after, 201)):
        shown = {"Authorization": f"Bearer {token}"}
        answer = requests.post(asked, data=wish, headers=shown, timeout=HANGS_S)
        assert answer.status_code == status, answer.text
        assert status == 201 or code(answer)[1] == ErrorCode.OPERATOR_REFUSED
    machine.do("Upgrade")
    assert knows(machine, ben)
    machine.do("Drain")
    with pytest.raises(requests.ConnectionError):
        requests.get(machine.url + "/healthz", timeout=HANGS_S)


def test_every_step_is_followed() -> None:
    """No block of the section is left out by the test above."""
    source = Path(__file__).read_text()
    assert len(STEPS) >= 13
    assert [step for step in STEPS if f'("{step}")' not in source] == []
    assert sum(bool(line) for block in STEPS.values() for line in block.splitlines()) == sum(
        line.startswith("    ") for line in SECTION.splitlines()
    )
