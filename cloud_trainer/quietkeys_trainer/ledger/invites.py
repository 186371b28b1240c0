"""Invites: tokens with which so many devices may enrol at a trainer that is not open to everybody.

Only their digests are stored. A token is 128 random bits, so how long a search for it takes tells nothing.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Engine, delete, update
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.signing import is_id
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import writing
from quietkeys_trainer.ledger.tables import EnrolmentTokenRow


def make_invite(database: Engine, uses: int, now: float, expires_at: float) -> str:
    """Store an invite for so many devices until a time; return its token.

    The token is 32 hex digits; it is shown here and never again.
    """
    token = secrets.token_hex(16)
    with writing(database) as session:
        note(session, Actor.OPERATOR, Action.INVITES_MADE, now, uses)
        session.add(
            EnrolmentTokenRow(digest=_digest(token), uses_left=uses, made_at=now, expires_at=expires_at)
        )
    return token


def use_invite(session: Session, token: str, now: float) -> None:
    """Use a token up by one device, within its enrolment.

    Raises `Refused` where it is none, used up or over.
    """
    if not is_id(token):
        raise Refused(ErrorCode.ENROLMENT_REFUSED)
    open_one = update(EnrolmentTokenRow).where(
        EnrolmentTokenRow.digest == _digest(token),
        EnrolmentTokenRow.uses_left > 0,
        EnrolmentTokenRow.expires_at > now,
    )
    used = open_one.values(uses_left=EnrolmentTokenRow.uses_left - 1).returning(EnrolmentTokenRow.digest)
    if session.scalars(used).first() is None:
        raise Refused(ErrorCode.ENROLMENT_REFUSED)


def forget_invites(database: Engine, now: float) -> None:
    """Drop the tokens that are used up or over."""
    with writing(database) as session:
        over = (EnrolmentTokenRow.uses_left == 0) | (EnrolmentTokenRow.expires_at <= now)
        session.execute(delete(EnrolmentTokenRow).where(over))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
