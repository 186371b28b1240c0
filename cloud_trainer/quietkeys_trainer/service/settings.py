"""Everything that a trainer can be told, in one model: flags, environment and file are made from it.

A flag goes before the environment (`QUIETKEYS_` and the name in capitals), this before a TOML file, this
before what is said here. docs/OPERATIONS.md lists them all.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FilePath, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.engine.interface import ExecutorKind
from quietkeys_trainer.engine.local_executor import WARM_BYTES
from quietkeys_trainer.engine.pressure import MOST_QUEUED, usable_cores
from quietkeys_trainer.ledger.accounts import Limits
from quietkeys_trainer.ledger.retention import Retention

PREFIX: Final = "QUIETKEYS_"  # of the variables of the environment
FILE: Final = "trainer.toml"  # in the state folder
SYSTEM_FILE: Final = Path("/etc/quietkeys/trainer.toml")  # where the state folder has none

_WITH_PASSWORD: Final = re.compile(r"[^:/@]+://[^/@]*:[^/@]+@")
_LIMITS: Final = Limits()
_KEPT: Final = Retention()


class Enrolment(StrEnum):
    """Who may enrol."""

    OPEN = "open"
    INVITED = "invited"


def _several(value: object) -> object:
    """Return the parts of a text that stands for several values, as in the environment."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def _listed(value: object) -> object:
    """Return the parts of a text that stands for several addresses, which may hold colons."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(one, str) for one in texts):
        return value
    return [part.strip() for one in texts for part in one.split(",") if part.strip()]


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ipaddress.ip_network(value)
    return values


_Place = Annotated[Path, AfterValidator(Path.absolute)]
_File = Annotated[FilePath, AfterValidator(Path.absolute)]
_Places = Annotated[tuple[_Place, ...], NoDecode, BeforeValidator(_several)]
_Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)]
_Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_networks)]


class Settings(BaseModel):
    """What a trainer was told; paths are absolute. `database` may hold a password, which no repr shows."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    state: _Place = Field(
        default=Path("trainer-state"), description="Folder of the ledger and of everything stored."
    )
    database: str = Field(
        default="",
        repr=False,
        description="The ledger, if not in the state folder: postgresql://USER:PASSWORD@HOST/NAME. Other"
        " users of this machine can read flags, but not the environment.",
    )
    blobs: str = Field(
        default="",
        description="Where ciphertexts lie, if not in the state folder: another folder, or s3://BUCKET/PREFIX"
        " with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the environment.",
    )

    shipped_plans: bool = Field(default=True, description="Serve the plans that came with this version.")
    plan: _Places = Field(default=(), description="A plan to serve as well; several of them, if need be.")
    client_spec_sha256: _Texts = Field(
        default=(),
        description="The client specification hash that devices have pinned, one for each plan, in the same"
        " order.",
    )
    plans: _Place | None = Field(default=None, description="A folder of published plans to serve as well.")
    pin: bool = Field(
        default=True,
        description="Whether every plan needs its hash; if not, whatever the compiler makes of it is served,"
        " and devices that pinned another cannot use it.",
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8750, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    tls_certificate: _File | None = Field(
        default=None, description="Serve TLS with this certificate chain, a PEM file."
    )
    tls_key: _File | None = Field(default=None, description="The private key of the certificate, a PEM file.")
    plain_http: bool = Field(
        default=False, description="Serve other machines without TLS: behind a proxy that ends it."
    )
    private_host: str = Field(
        default="127.0.0.1",
        description="Address for operators: the page at /, /metrics, /readyz and /openapi.json.",
    )
    private_port: int = Field(
        default=8751, ge=0, le=65535, description="Port for operators; 0 picks a free one."
    )
    proxies: _Networks = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks of reverse proxies, separated by commas: their connections are not"
        " limited by address, and whom their X-Forwarded-For names is whom they speak for.",
    )
    connections: int = Field(
        default=512, ge=16, description="Connections at once, fewer where the system allows fewer open files."
    )
    connections_per_address: int = Field(
        default=64, ge=1, description="Connections at once from one address that is no proxy's."
    )
    connections_per_minute: int = Field(
        default=240, ge=0, description="New connections from one address that is no proxy's; 0 is no limit."
    )
    ready_file: _Place | None = Field(default=None, description="Where to write the ready line as well.")

    workers: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Worker processes to run; if not given, one for each core, and one for a Ray cluster.",
    )
    warm_bytes: int = Field(
        default=WARM_BYTES,
        ge=0,
        description="Memory in which a local worker keeps keys ready for the next job of the same account; 0"
        " keeps none.",
    )
    executor: ExecutorKind = Field(
        default=ExecutorKind.LOCAL, description="Where jobs run: on this machine, or on a Ray cluster."
    )
    address: str = Field(
        default="auto", description="HOST:PORT of the Ray cluster; auto: the one this machine is in."
    )
    queue_limit: int = Field(
        default=MOST_QUEUED, ge=1, description="Jobs that may wait; more reports are to come later."
    )
    lease_seconds: float = Field(
        default=30.0,
        gt=0,
        description="A worker that is silent for so long has died, and its job is run again; three of its"
        " heartbeats fit in.",
    )

    enrolment: Enrolment = Field(
        default=Enrolment.OPEN, description="Whether a device needs an invite; `admin invite` makes one."
    )
    requests_per_minute: int = Field(
        default=_LIMITS.requests_per_minute, ge=0, description="Requests of a device; 0 is no limit."
    )
    bytes_per_day: int = Field(
        default=_LIMITS.bytes_per_day, ge=0, description="Bytes of a device's bodies; 0 is no limit."
    )
    reports_per_day: int = Field(
        default=_LIMITS.reports_per_day, ge=0, description="Reports of a device; 0 is no limit."
    )
    key_sets_per_day: int = Field(
        default=_LIMITS.key_sets_per_day, ge=0, description="Key sets of a device; 0 is no limit."
    )
    jobs_in_flight: int = Field(
        default=_LIMITS.jobs_in_flight,
        ge=0,
        description="Jobs of a circle, queued or running; 0 is no limit.",
    )
    enrolments_per_minute: int = Field(
        default=30, ge=0, description="Enrolments from one address; 0 is no limit."
    )
    unsigned_per_minute: int = Field(
        default=240,
        ge=0,
        description="Requests from one address that no device of ours has signed; 0 is no limit.",
    )
    storage_bytes: int = Field(
        default=256 << 30,
        ge=0,
        description="What the keys of all devices may take; then no new ones are taken. 0 is no limit.",
    )

    keep_results_days: int = Field(
        default=_KEPT.results, ge=0, description="How long jobs that ended are kept; 0 is for ever."
    )
    keep_reports_days: int = Field(
        default=_KEPT.reports,
        ge=0,
        description="How long the report of a source that sends no newer one is kept.",
    )
    keep_keys_days: int = Field(
        default=_KEPT.keys, ge=0, description="How long keys are kept under which nothing is sent."
    )
    keep_audit_days: int = Field(
        default=_KEPT.audit, ge=0, description="How long lines of the audit log are kept."
    )

    @property
    def worker_count(self) -> int:
        """How many worker processes to run."""
        if self.workers is not None:
            return self.workers
        return usable_cores() if self.executor is ExecutorKind.LOCAL else 1

    @property
    def database_address(self) -> str:
        """Where the ledger is."""
        return self.database or f"sqlite:///{self.state / 'ledger.sqlite'}"

    @property
    def database_shown(self) -> str:
        """Where the ledger is, in words that hold no password."""
        return "in the database of the settings" if self.database else f"in {self.state}"

    @property
    def blobs_address(self) -> str:
        """Where ciphertexts are."""
        return self.blobs or str(self.state / "blobs")

    @property
    def spool(self) -> Path:
        """Where bodies wait, nameless, until their signature is checked."""
        return self.state / "spool"

    @property
    def uploads(self) -> Path:
        """Where evaluation keys grow until they are whole."""
        return self.state / "uploads"

    @property
    def trainer_key(self) -> Path:
        """What the trainer signs receipts with."""
        return self.state / "trainer.key"

    @property
    def operator_token(self) -> Path:
        """Where the digest of the operator's token is, if one was made."""
        return self.state / "operator.token"

    @property
    def circuits(self) -> Path:
        """Where circuits that were compiled here may be kept."""
        return self.state / "circuits"

    @property
    def secret_places(self) -> tuple[Path, ...]:
        """What of the disk no process may see that parses what strangers sent."""
        blobs = () if "://" in self.blobs else (Path(self.blobs_address).absolute(),)
        ledger = self.database_address.removeprefix("sqlite:///")
        return (self.state, *blobs, *(() if "://" in ledger else (Path(ledger).absolute(),)))

    @property
    def limits(self) -> Limits:
        """What one device may have."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})

    @property
    def kept(self) -> Retention:
        """How long things are kept."""
        return Retention(
            results=self.keep_results_days,
            reports=self.keep_reports_days,
            keys=self.keep_keys_days,
            audit=self.keep_audit_days,
        )

    def make_folders(self) -> None:
        """Make the folders, readable by their owner only."""
        for folder in (self.state, self.spool, self.uploads, self.circuits):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def read_settings(
    flags: Mapping[str, Any], file: Path | None = None, system_file: Path = SYSTEM_FILE
) -> Settings:
    """Return the settings from all places.

    flags: by name, those that were given. file: instead of the usual one. Raises `Refused` (SETTING_INVALID),
    which says where the setting stands that cannot be used, and never its value.
    """
    if file is None:
        file = _usual_file(flags, system_file)
    elif not file.is_file():
        raise Refused(ErrorCode.SETTING_INVALID, f"there is no file {file}")
    try:
        layers = _layers(file)
        found = layers(**flags)
    except ValidationError as error:
        raise Refused(ErrorCode.SETTING_INVALID, _said(dict(error.errors()[0]), flags, file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        detail = f"{file} is no TOML" + (f", {error}" if isinstance(error, tomllib.TOMLDecodeError) else "")
        raise Refused(ErrorCode.SETTING_INVALID, detail) from error
    except OSError as error:
        raise Refused(ErrorCode.SETTING_INVALID, f"{file} cannot be read") from error
    if file is not None:
        _require_private(file)
    if file is not None and file.name == FILE and found.state != _state(flags) == file.parent:
        raise Refused(ErrorCode.SETTING_INVALID, f"state: {file} lies in one folder and names another")
    return Settings.model_validate(found.model_dump())


def _require_private(file: Path) -> None:
    """Raise `Refused` where a file holds a password and every user of the machine can read it."""
    database = str(tomllib.loads(file.read_text()).get("database", ""))
    if _WITH_PASSWORD.match(database) and file.stat().st_mode & stat.S_IROTH:
        raise Refused(
            ErrorCode.SETTING_INVALID,
            f"{file} holds a password and everybody can read it: chmod o-rwx {file}",
        )


def parse_settings(content: bytes) -> Settings:
    """Return the settings in the JSON that a service writes to its workers.

    Raises Refused (SETTING_INVALID), which names settings and shows nothing of their values.
    """
    try:
        return Settings.model_validate_json(content)
    except ValidationError as error:
        names = sorted(
            {str(part) for one in error.errors() for part in one["loc"][:1] if part in Settings.model_fields}
        )
        raise Refused(
            ErrorCode.SETTING_INVALID, ", ".join(names) or "not the settings of a service"
        ) from None


def _layers(file: Path | None) -> type[Settings]:
    """Return the settings model that reads what it is not given from the environment, then from the file."""

    class Layers(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            given = (init_settings, env_settings)
            return given if file is None else (*given, TomlConfigSettingsSource(settings_cls, file))

    return Layers


def _state(flags: Mapping[str, Any]) -> Path:
    """Return the state folder as far as it is known before any file is read."""
    default = Settings.model_fields["state"].default
    return Path(flags.get("state") or os.environ.get(f"{PREFIX}STATE") or default).absolute()


def _usual_file(flags: Mapping[str, Any], system_file: Path) -> Path | None:
    places = (_state(flags) / FILE, system_file)
    return next((place for place in places if place.is_file()), None)


def _said(error: Mapping[str, Any], flags: Mapping[str, Any], file: Path | None) -> str:
    """Say which setting is wrong, how, and where it stands; without its value."""
    name = str(error["loc"][0])
    if name not in Settings.model_fields:
        near = difflib.get_close_matches(name, Settings.model_fields, 1)
        hint = f" ({near[0]} is one)" if near else ""
        return f"{file} has {name}, which is no setting{hint}"
    if name in flags:
        place = f"--{name.replace('_', '-')}"
    elif os.environ.get(f"{PREFIX}{name.upper()}"):
        place = f"{PREFIX}{name.upper()}"
    else:
        place = f"{name} in {file}"
    message = error["msg"]
    return f"{place}: {message[0].lower()}{message[1:]}"
