"""Circles: devices that share an account, how one gets in and out, and what they leave for each other.

Cards and packages are sealed by devices for devices: here they are bytes. A device finds only its own circle;
anything of another one's answers as if it were not there. `now` is Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine, delete, func, or_, select
from sqlalchemy.orm import Session

from quietkeys_protocol.containers import MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import Circle, Claimed, Invitation, Mail, Member
from quietkeys_trainer.ledger.accounts import (
    account_of,
    close_if_empty,
    depart,
    device_of,
    hold_account_of,
    key_ids,
    members_of,
    new_account,
)
from quietkeys_trainer.ledger.database import hold, reading, writing
from quietkeys_trainer.ledger.tables import DeviceRow, InvitationRow, MailRow

INVITATION_S: Final = 15 * 60.0
MAX_INVITATIONS: Final = 4  # open ones, of an account
MAX_ATTEMPTS: Final = 3  # at the claim of an invitation

_MOVES: Final = "moves between accounts"  # held by one at a time, before the accounts that it changes


@dataclass(frozen=True, slots=True)
class Circles:
    """Circles in a database."""

    database: Engine

    def of(self, device_id: str) -> Circle:
        """Return the circle that a device belongs to."""
        with reading(self.database) as session:
            account_id = account_of(session, device_id)
            rows = members_of(session, account_id)
            members = tuple(Member(row.id, row.source, row.card) for row in rows)
            return Circle(members, session.scalars(key_ids(account_id)).first() or "")

    def set_card(self, device_id: str, card: bytes) -> None:
        """Set what the circle sees of a device."""
        with writing(self.database) as session:
            hold_account_of(session, device_id)
            device_of(session, device_id).card = card

    def invite(self, device_id: str, invitation: Invitation, now: float) -> None:
        """Keep an invitation; the same one again changes nothing."""
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            hold(session, invitation.invitation_id)  # which another account might draw as well
            named = _named(invitation.invitation_id)
            _expire(session, now, or_(InvitationRow.account_id == account_id, named))
            earlier = session.get(InvitationRow, invitation.invitation_id)
            if earlier is not None:
                if (earlier.account_id, earlier.claim_sha256, earlier.package) != (
                    account_id,
                    invitation.claim_sha256,
                    invitation.package,
                ):
                    raise Refused(ErrorCode.REQUEST_MALFORMED, "invitation_id")
                return
            is_open = (InvitationRow.account_id == account_id, InvitationRow.claimed_by.is_(None))
            if (session.scalar(select(func.count()).where(*is_open)) or 0) >= MAX_INVITATIONS:
                raise Refused(ErrorCode.INVITATIONS_FULL)
            session.add(
                InvitationRow(
                    id=invitation.invitation_id,
                    account_id=account_id,
                    claim_sha256=invitation.claim_sha256,
                    package=invitation.package,
                    attempts=0,
                    expires_at=now + INVITATION_S,
                )
            )

    def claim(self, device_id: str, invitation_id: str, claim: bytes, now: float) -> Claimed:
        """Take the device into the inviter's account; an account that was its own alone is deleted.

        The same device may repeat it. A wrong claim is counted, and the last one ends the invitation.
        """
        with writing(self.database) as session:
            hold(session, _MOVES)
            hold_account_of(session, device_id)
            device = device_of(session, device_id)
            _expire(session, now, _named(invitation_id))
            offered_by = session.scalar(select(InvitationRow.account_id).where(_named(invitation_id)))
            hold(session, offered_by or "")
            row = session.get(InvitationRow, invitation_id)
            if row is None or row.claimed_by not in (None, device_id):
                raise Refused(ErrorCode.INVITATION_UNKNOWN)
            if hmac.compare_digest(hashlib.sha256(claim).hexdigest(), row.claim_sha256):
                if row.claimed_by is None:
                    _join(session, device, row.account_id)
                    row.claimed_by = device_id
                return Claimed(row.package, device.source)
            if row.attempts + 1 == MAX_ATTEMPTS:
                session.delete(row)
            else:
                row.attempts += 1
        raise Refused(ErrorCode.INVITATION_REFUSED)  # out here, where the attempt counts

    def remove(self, device_id: str, member_id: str) -> None:
        """Take a member out of the device's circle, into an empty account of its own.

        Does nothing where it is alone.
        """
        with writing(self.database) as session:
            hold(session, _MOVES)
            hold_account_of(session, device_id)
            member = _member(session, device_id, member_id)
            if len(members_of(session, member.account_id)) > 1:
                depart(session, member)
                member.account_id, member.source = new_account(session), 0

    def put_mail(self, device_id: str, member_id: str, package: bytes, now: float) -> None:
        """Keep a package for a member, in the place of an earlier one from the same sender."""
        digest = hashlib.sha256(package).hexdigest()
        with writing(self.database) as session:
            hold_account_of(session, device_id)
            recipient = _member(session, device_id, member_id).id
            session.merge(
                MailRow(recipient=recipient, sender=device_id, sha256=digest, package=package, put_at=now)
            )

    def mail(self, device_id: str) -> Mail | None:
        """Return the oldest mail for a device, if there is any."""
        with reading(self.database) as session:
            recipient = device_of(session, device_id).id
            oldest_first = select(MailRow).where(MailRow.recipient == recipient)
            row = session.scalars(oldest_first.order_by(MailRow.put_at, MailRow.sender)).first()
            return None if row is None else Mail(row.sender, row.package)

    def drop_mail(self, device_id: str, sha256: str) -> None:
        """Drop the mail with this hash, if the device has it (still)."""
        with writing(self.database) as session:
            recipient = device_of(session, device_id).id
            session.execute(delete(MailRow).where(MailRow.recipient == recipient, MailRow.sha256 == sha256))

    def expire(self, now: float) -> None:
        """Delete the invitations whose time is over."""
        with writing(self.database) as session:
            _expire(session, now)


def _named(invitation_id: str) -> ColumnElement[bool]:
    return InvitationRow.id == invitation_id


def _expire(session: Session, now: float, *which: ColumnElement[bool]) -> None:
    session.execute(delete(InvitationRow).where(InvitationRow.expires_at <= now, *which))


def _join(session: Session, device: DeviceRow, account_id: str) -> None:
    if device.account_id == account_id:
        raise Refused(ErrorCode.INVITATION_REFUSED, "a member already")
    taken = {member.source for member in members_of(session, account_id)}
    if len(taken) == MAX_SOURCES:
        raise Refused(ErrorCode.CIRCLE_FULL)
    earlier = device.account_id
    depart(session, device)
    device.account_id, device.source = account_id, min(set(range(MAX_SOURCES)) - taken)
    close_if_empty(session, earlier)


def _member(session: Session, device_id: str, member_id: str) -> DeviceRow:
    """Return the row of a device of the same account."""
    row = session.get(DeviceRow, member_id)
    if row is None or row.account_id != account_of(session, device_id):
        raise Refused(ErrorCode.MEMBER_UNKNOWN)
    return row
