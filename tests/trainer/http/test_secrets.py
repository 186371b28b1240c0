"""What the service writes down about devices: nothing in its logs."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.trainer.device import Device
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import fake_keys, fake_values, running

CANARY = b"canary-of-this-device"


def spellings(secret: bytes) -> list[bytes]:
    """Ways in which bytes end up in text."""
    return [secret, secret.hex().encode(), base64.b64encode(secret)[:-4], repr(secret)[2:-1].encode()]


def found(secrets: dict[str, bytes], text: bytes) -> set[str]:
    """Which secrets a text contains, in whatever spelling."""
    return {name for name, secret in secrets.items() if any(form in text for form in spellings(secret))}


def test_the_search_finds_what_is_planted() -> None:
    """A canary in any spelling is found, and nothing is found where there is none."""
    for form in spellings(CANARY):
        assert found({"canary": CANARY}, b"before " + form + b" after") == {"canary"}
    assert not found({"canary": CANARY}, b"canary of another device")


def test_logs_hold_no_content_and_no_device(tmp_path: Path) -> None:
    """After good, bad and failing requests the logs name no device, key, nonce, body or payload."""
    with running(tmp_path) as trainer:
        device, stranger = trainer.device(), Device(trainer.url)
        keys = fake_keys(CANARY)
        device.put_keys(keys)
        good = device.report(PLAN.hash, keys, fake_values(CANARY))
        job_id = device.post(good).json()["job_id"]
        device.wait(job_id, "done", "failed")
        device.update(job_id)
        device.send("PUT", "/v1/circle/card", CANARY)
        device.send("PUT", f"/v1/circle/mail/{device.device_id}", CANARY)
        device.send("GET", "/v1/circle/mail")
        device.send("POST", f"/v1/invitations/{device.device_id}/claim", CANARY)
        failing = device.post(device.report(PLAN.hash, keys, fake_values(CANARY + b"<fail>"))).json()[
            "job_id"
        ]
        device.wait(failing, "done", "failed")
        device.put_keys(CANARY)
        device.post(CANARY)
        device.send("GET", "/" + CANARY.decode())
        device.send("GET", f"/v1/jobs/{CANARY.decode()}")
        stranger.send("GET", f"/v1/jobs/{job_id}", b"", {"QK-Nonce": CANARY.decode()})
        stranger.put_keys(keys)
        trainer.stop()
        log = trainer.log
    secrets = {"payload": CANARY, "public key": device.public_key, "key id": good.key_id}
    secrets |= {"device": bytes.fromhex(device.device_id), "stranger": bytes.fromhex(stranger.device_id)}
    assert not found(secrets, log.encode())
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events.count("request") > 10
    assert {"ready", "worker_ready", "job_done", "job_failed", "stopped"} <= set(events)
