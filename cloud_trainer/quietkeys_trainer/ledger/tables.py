"""The tables, and with them the rules that the database itself enforces.

A job's life, guarded by CHECK constraints, by triggers (`job_triggers`) and by updates that name the
state they leave:

    queued ──lease──> running ──finish──> done ──the next job of its source is done──> superseded
       │                 │ └────fail────> failed
       │                 └─lease again (a worker died: its lease ran out)
       └──a newer report of the same key and source──> superseded      failed ──an operator──> queued

Devices belong to an account, and what they share hangs on its row and goes with it; `device_id` says who sent
a report. Blobs are named here and live in the store.
Times are Unix seconds, hashes and ids lower-case hex.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    CHAR,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy import BigInteger as BigInt
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from quietkeys_protocol.messages import JobState


class Failure(StrEnum):
    """Why a job failed; for operators, never sent to devices."""

    ENGINE = "engine"  # the circuit did not run on these bytes
    INPUTS = "inputs"  # a blob is missing or damaged
    WORKERS = "workers"  # every worker that tried it died


class Allowance(StrEnum):
    """What a device may have only so much of in a time."""

    REQUESTS = "requests"
    BYTES = "bytes"
    REPORTS = "reports"
    KEYS = "keys"


class Outcome(StrEnum):
    """How one run of a job ended."""

    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"  # another worker held the lease by then, or the device was gone


def _any_of(column: str, members: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(member.value) for member in members)})"


class Base(DeclarativeBase):
    """What the tables share: constraint names that migrations can refer to."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TrainerRow(Base):
    """The trainer itself, one row, made once; see `identity`.

    marker: drawn, and written to the store of ciphertexts as well (`has_store`: it was). trainer_key: the
    public half of what receipts are signed with. seen_at: the newest time that tidying has seen. kept: for
    how many days things were kept then, as `Retention` has them.
    """

    __tablename__ = "trainer"
    __table_args__ = (
        CheckConstraint("number = 1", "one"),
        CheckConstraint("length(trainer_key) = 32", "trainer_key_length"),
    )

    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    marker: Mapped[str] = mapped_column(CHAR(32))
    has_store: Mapped[bool] = mapped_column(Boolean)
    trainer_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    seen_at: Mapped[float] = mapped_column(Float(53))
    kept: Mapped[str] = mapped_column(String(100))


class AccountRow(Base):
    """What devices of a circle share: evaluation keys, and all that was sent and made under them.

    A device that enrols gets one of its own. Its id is drawn here and never sent.
    """

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)


class DeviceRow(Base):
    """An enrolled device; its id is derived from its public key. `card`: sealed, for its circle."""

    __tablename__ = "devices"
    __table_args__ = (
        UniqueConstraint("account_id", "source"),
        CheckConstraint("length(public_key) = 32", "public_key_length"),
        CheckConstraint("source BETWEEN 0 AND 7", "source"),
    )

    id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    enrolled_at: Mapped[float] = mapped_column(Float(53), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    source: Mapped[int] = mapped_column(SmallInteger)
    card: Mapped[bytes] = mapped_column(LargeBinary)


class KeyRow(Base):
    """Evaluation keys of an account, named by the SHA-256 of their bytes."""

    __tablename__ = "evaluation_keys"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str] = mapped_column(CHAR(64), primary_key=True)
    blob: Mapped[str] = mapped_column(String(81), unique=True)
    stored_at: Mapped[float] = mapped_column(Float(53))


class UploadRow(Base):
    """Evaluation keys that have not arrived whole; `name` of their file, of which `received` bytes count."""

    __tablename__ = "uploads"
    __table_args__ = (CheckConstraint("received >= 0", "received"),)

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    key_id: Mapped[str] = mapped_column(CHAR(64))
    name: Mapped[str] = mapped_column(CHAR(32), unique=True)
    received: Mapped[int] = mapped_column(BigInt)
    touched_at: Mapped[float] = mapped_column(Float(53))


class KeyPlanRow(Base):
    """A plan whose framing some evaluation keys have; reports may pair no other plan with them."""

    __tablename__ = "evaluation_key_plans"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            ondelete="CASCADE",
        ),
    )

    account_id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    key_id: Mapped[str] = mapped_column(CHAR(64), primary_key=True)
    plan_hash: Mapped[str] = mapped_column(CHAR(64), primary_key=True)


class ReportRow(Base):
    """The latest report of a source under a key; a newer one takes its place."""

    __tablename__ = "reports"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("sources BETWEEN 1 AND 8", "sources"),
        CheckConstraint("source >= 0 AND source < sources", "source"),
        CheckConstraint("sequence >= 1", "sequence"),
    )

    account_id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    key_id: Mapped[str] = mapped_column(CHAR(64), primary_key=True)
    source: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sources: Mapped[int] = mapped_column(SmallInteger)
    plan_hash: Mapped[str] = mapped_column(CHAR(64))
    sequence: Mapped[int] = mapped_column(BigInt)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    blob: Mapped[str] = mapped_column(String(81), unique=True)
    received_at: Mapped[float] = mapped_column(Float(53))


class JobRow(Base):
    """A job: what a report asked for, who works on it, and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("account_id", "idempotency_key"),
        CheckConstraint(_any_of("state", JobState), "state"),
        CheckConstraint(f"failure IS NULL OR {_any_of('failure', Failure)}", "failure"),
        CheckConstraint("(state = 'running') = (lease IS NOT NULL)", "running_is_leased"),
        CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", "lease_ends"),
        CheckConstraint("(lease IS NULL) = (worker IS NULL)", "lease_is_held"),
        CheckConstraint("(state = 'done') = (update_blob IS NOT NULL)", "done_has_update"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", "failed_has_reason"),
        CheckConstraint("(state IN ('queued', 'running')) = (finished_at IS NULL)", "ended_has_time"),
        CheckConstraint("sources BETWEEN 1 AND 8 AND source >= 0 AND source < sources", "source"),
        CheckConstraint("attempts >= 0", "attempts"),
        # A newer report supersedes the queued one of its source, so there is never a second.
        Index(
            "uq_jobs_queued_per_source",
            "account_id",
            "key_id",
            "source",
            unique=True,
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_jobs_state_queued_at", "state", "queued_at"),
    )

    id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(CHAR(32))
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    key_id: Mapped[str] = mapped_column(CHAR(64))
    plan_hash: Mapped[str] = mapped_column(CHAR(64))
    source: Mapped[int] = mapped_column(SmallInteger)
    sources: Mapped[int] = mapped_column(SmallInteger)
    idempotency_key: Mapped[str] = mapped_column(CHAR(32))
    report_sha256: Mapped[str] = mapped_column(CHAR(64))
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    queued_at: Mapped[float] = mapped_column(Float(53))
    finished_at: Mapped[float | None] = mapped_column(Float(53))
    worker: Mapped[str | None] = mapped_column(CHAR(32))
    lease: Mapped[str | None] = mapped_column(CHAR(32))
    lease_until: Mapped[float | None] = mapped_column(Float(53))
    update_blob: Mapped[str | None] = mapped_column(String(81), unique=True)
    failure: Mapped[str | None] = mapped_column(String(10))
    blocks_done: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")


class InvitationRow(Base):
    """A sealed package that waits for one device that shows the claim; `claimed_by` it, once it has."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("attempts BETWEEN 0 AND 2", "attempts"),)

    id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    claim_sha256: Mapped[str] = mapped_column(CHAR(64))
    package: Mapped[bytes] = mapped_column(LargeBinary)
    attempts: Mapped[int] = mapped_column(SmallInteger)
    expires_at: Mapped[float] = mapped_column(Float(53))
    claimed_by: Mapped[str | None] = mapped_column(CHAR(32))


class MailRow(Base):
    """A sealed package from one device of a circle to another, the latest of this pair."""

    __tablename__ = "mail"

    recipient: Mapped[str] = mapped_column(
        ForeignKey("devices.id", name="fk_mail_recipient_devices", ondelete="CASCADE"), primary_key=True
    )
    sender: Mapped[str] = mapped_column(
        ForeignKey("devices.id", name="fk_mail_sender_devices", ondelete="CASCADE"), primary_key=True
    )
    sha256: Mapped[str] = mapped_column(CHAR(64))
    package: Mapped[bytes] = mapped_column(LargeBinary)
    put_at: Mapped[float] = mapped_column(Float(53))


class NonceRow(Base):
    """A nonce that was used, as a digest that names no device; kept as long as it could be replayed."""

    __tablename__ = "nonces"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires_at: Mapped[float] = mapped_column(Float(53), index=True)


class EnrolmentTokenRow(Base):
    """An invite for so many devices, as a digest: whoever reads this table can enrol nobody."""

    __tablename__ = "enrolment_tokens"
    __table_args__ = (CheckConstraint("uses_left >= 0", "uses_left"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    uses_left: Mapped[int] = mapped_column(BigInt)
    made_at: Mapped[float] = mapped_column(Float(53))
    expires_at: Mapped[float] = mapped_column(Float(53))


class UsageRow(Base):
    """How much of an allowance a device has used: `level` at the time `at`, draining since then."""

    __tablename__ = "usage"
    __table_args__ = (CheckConstraint(_any_of("kind", Allowance), "kind"),)

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    level: Mapped[float] = mapped_column(Float(53))
    at: Mapped[float] = mapped_column(Float(53))


class AuditRow(Base):
    """Something that was done, by which kind of actor, to how many; it names no device and has no content."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(CHAR(32), primary_key=True)
    at: Mapped[float] = mapped_column(Float(53), index=True)
    actor: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(32))
    amount: Mapped[int] = mapped_column(BigInt)


class DoomedBlobRow(Base):
    """A blob that no row names any longer and that is still to be deleted from the store; whose it was."""

    __tablename__ = "doomed_blobs"

    blob: Mapped[str] = mapped_column(String(81), primary_key=True)
    account_id: Mapped[str] = mapped_column(CHAR(32), index=True)


class DepartedRow(Base):
    """A device that was deleted because it asked for that, as a digest, and the account that it had.

    It is kept for good: a copy of the device's profile must not enrol as if nobody had withdrawn anything.
    """

    __tablename__ = "departed"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(CHAR(32))
    at: Mapped[float] = mapped_column(Float(53))


class RunRow(Base):
    """A run of a job that has ended, for operators: when, how long, how it ended; nobody's in particular.

    Kept for a day (`operator_queries.RUNS_KEPT_S`). It names no job, so that it may outlive one.
    """

    __tablename__ = "runs"
    __table_args__ = (CheckConstraint(_any_of("outcome", Outcome), "outcome"),)

    id: Mapped[int] = mapped_column(BigInt().with_variant(Integer, "sqlite"), primary_key=True)
    ended_at: Mapped[float] = mapped_column(Float(53), index=True)
    seconds: Mapped[float] = mapped_column(Float(53))
    outcome: Mapped[str] = mapped_column(String(10))
    plan_hash: Mapped[str] = mapped_column(CHAR(64))
