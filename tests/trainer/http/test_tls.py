"""TLS: served by flag, verified by devices, and asked for wherever other machines can connect."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quietkeys.remote.client import TrainerClient, service_key
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_trainer.processes.serve import Address
from tests.trainer.running import Trainer, running


def certify(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for this machine that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def test_a_device_talks_tls_to_a_trainer_it_trusts(tmp_path: Path) -> None:
    """The flags turn TLS on; a certificate that the device does not trust is refused, and old TLS too."""
    certificate, key = certify(tmp_path, "trainer")
    other, _ = certify(tmp_path, "other")
    flags = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with running(tmp_path, "--workers", "0", *flags) as trainer:
        assert trainer.url.startswith("https://127.0.0.1:")
        trusting = RequestsTransport(trainer.url, certificates=certificate)
        client = TrainerClient(Identity.generate(), trusting)
        assert client.enrol() == service_key(trusting)
        assert client.device_exists()
        for wrong in (RequestsTransport(trainer.url), RequestsTransport(trainer.url, certificates=other)):
            with pytest.raises(Untrusted) as caught:
                service_key(wrong)
            assert caught.value.code is ErrorCode.TRAINER_GARBLED
            assert "certificate" in str(caught.value)
        assert not speaks(trainer.url, ssl.TLSVersion.TLSv1_1)
        assert speaks(trainer.url, ssl.TLSVersion.TLSv1_2)


def speaks(url: str, version: ssl.TLSVersion) -> bool:
    """Whether the trainer speaks this version of TLS."""
    host, _, port = url.removeprefix("https://").partition(":")
    name = {ssl.TLSVersion.TLSv1_1: "-tls1_1", ssl.TLSVersion.TLSv1_2: "-tls1_2"}[version]
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", name]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=900).returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "trainer.example"])  # noqa: S104
def test_other_machines_are_not_served_in_the_clear(host: str) -> None:
    """Off loopback an address is refused without TLS, and taken with it or when told to."""
    with pytest.raises(Refused) as caught:
        Address(host, 0).require_private()
    assert caught.value.code is ErrorCode.ADDRESS_EXPOSED
    Address(host, 0, plain=True).require_private()
    Address(host, 0, Path("certificate"), Path("key")).require_private()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_served_in_the_clear(host: str) -> None:
    """On loopback nobody else listens."""
    Address(host, 0).require_private()


def test_half_of_tls_is_refused() -> None:
    """A certificate without its key is a mistake, not plain HTTP."""
    with pytest.raises(Refused) as caught:
        Address("127.0.0.1", 0, certificate=Path("certificate")).require_private()
    assert caught.value.code is ErrorCode.ADDRESS_EXPOSED


def test_serve_says_so_before_it_listens(tmp_path: Path) -> None:
    """The command ends with status 2 and a line that says what to do."""
    trainer = Trainer(tmp_path)
    command = trainer.command("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 2
    assert "--tls-certificate" in done.stderr
