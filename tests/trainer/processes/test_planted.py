"""No secret key, no plaintext, no decrypted value in database, blobs, logs; whatever is planted is found."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import numpy as np
import pytest

from quietkeys.cipher import ProcessCipher
from quietkeys.cipher.key_file import KEY_FILE, KeyFile
from quietkeys_protocol.containers import decode_update
from tests.fhe_fixtures import FILE_KEY, SMALL_PLAN, Compiled
from tests.trainer.fake_engine import PLAN
from tests.trainer.planted import BLOBS, DATABASE, LOG, found
from tests.trainer.running import Trainer, fake_keys, fake_values, running

CANARY = b"zyzzogeton at midnight"  # words that somebody may have typed
WINDOW = 128  # coefficients of a secret key, a bit each, that are enough to know it by


def secret_keys(key_folder: Path, compiled: Compiled) -> dict[str, bytes]:
    """Runs of the secret keys in a key file: coefficients as words, and packed to bits."""
    stored = KeyFile(key_folder / KEY_FILE, compiled.parameters, FILE_KEY).secrets()
    forms = {}
    assert len(stored) == 2
    for number, words in stored.items():
        assert set(np.unique(words)) == {0, 1}
        for place in (0, len(words) // 2):
            run = words[place : place + WINDOW]
            forms[f"key {number} at {place}"] = run.tobytes()
            forms[f"packed key {number} at {place}"] = np.packbits(run.astype(np.uint8)).tobytes()
    return forms


@pytest.mark.fhe
def test_what_is_planted_is_found(tmp_path: Path, key_folder: Path, compiled: Compiled) -> None:
    """A secret key and typed words are found in the database, in a blob, and in a log."""
    key = secret_keys(key_folder, compiled)["packed key 0 at 0"]
    planted = {"words": CANARY, "key": key}
    with running(tmp_path, "--workers", "0") as trainer:
        device, keys = trainer.device(), fake_keys(b"one")
        assert found(planted, tmp_path) == set()
        device.put_keys(keys)
        device.send("PUT", "/v1/circle/card", b"%b %b" % (CANARY, key))
        device.post(device.report(PLAN.hash, keys, fake_values(b"%b %b" % (CANARY, key))))
        trainer.stop()
    with (tmp_path / LOG).open("a") as log:
        log.write(f"{key.hex()} {CANARY!r}")
    places = {(name, place) for name in planted for place in (DATABASE, BLOBS, LOG)}
    assert found(planted, tmp_path) == places


@pytest.mark.fhe
def test_a_real_run_leaves_nothing_to_find(
    tmp_path: Path, key_folder: Path, compiled: Compiled, cipher: ProcessCipher
) -> None:
    """After enrolment, keys, a report, a job, an update, and refusals, no secret stands anywhere."""
    chance = np.random.default_rng(secrets.randbits(64))
    arrays = [
        chance.integers(max(0, field.low), field.high, size=field.size, dtype=np.int64)
        for field in SMALL_PLAN.report_fields
    ]
    cipher.write_evaluation_keys(tmp_path / "keys")
    keys = (tmp_path / "keys").read_bytes()
    folder = tmp_path / "trainer"
    folder.mkdir()
    pin = compiled.parameters.specification_sha256.hex()
    trainer = Trainer(folder, module="quietkeys_trainer", plan=SMALL_PLAN, pin=pin)
    trainer.has_circuits(compiled.engine.folder)
    trainer.start()
    try:
        device = trainer.device()
        device.form = compiled.parameters.frames.key_form
        assert device.put_keys(keys).json()["state"] == "stored"
        job_id = device.post(device.report(SMALL_PLAN.hash, keys, cipher.encrypt(arrays))).json()["job_id"]
        assert device.wait(job_id, "done", "failed") == "done"
        decrypted = cipher.decrypt(decode_update(device.update(job_id).content).ciphertexts)
        device.post(b"QKR1" + CANARY)
        device.send("GET", "/v1/jobs/" + CANARY.decode().replace(" ", "%20"))
    finally:
        trainer.stop()
    sought = secret_keys(key_folder, compiled) | {"words": CANARY}
    # A short array of small numbers stands in compiled circuits by chance; a whole report does not.
    sought["counts"] = np.concatenate(arrays).astype("<i8").tobytes()
    sought["counts of a block"] = np.concatenate(arrays[3:]).astype("<i8").tobytes()
    sought["weights"] = np.concatenate(decrypted).astype("<i8").tobytes()
    sought["text"] = ", ".join(str(array.tolist()) for array in decrypted).encode()
    sought["signing key"] = device.private.private_bytes_raw()
    assert found(sought, folder) == set()
    assert found({"evaluation keys": keys[10_000:10_100]}, folder) == {("evaluation keys", BLOBS)}
    assert hashlib.sha256(keys).hexdigest() in "".join(path.name for path in trainer.stored())
