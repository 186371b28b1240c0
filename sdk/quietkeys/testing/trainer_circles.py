"""Accounts of the trainer in memory: who shares one, how devices get in and out, what they leave there."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quietkeys.remote.http import Answer
from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES, MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.json_bodies import AnswerBody
from quietkeys_protocol.messages import Circle, Claim, Claimed, Invitation, Invited, Mail, Member

INVITATION_S: Final = 15 * 60
MAX_INVITATIONS: Final = 4
MAX_ATTEMPTS: Final = 3


@dataclass(slots=True)
class Device:
    """A device and its place. mail: by sender, the oldest first."""

    public_key: bytes
    account: str
    source: int = 0
    card: bytes = b""
    mail: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class OpenInvitation:
    """A package that waits for whoever shows the claim."""

    account: str
    offered: Invitation
    expires_at: float
    attempts: int = 0
    claimed_by: str = ""


@dataclass(slots=True)
class Account:
    """What devices share. keys: sizes by id, the oldest first. upload: of one key set, under way."""

    keys: dict[str, int] = field(default_factory=dict)
    upload_id: str = ""
    upload: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Circles:
    """Devices, accounts and invitations. dropped: told of every device that leaves an account, with both."""

    clock: Callable[[], float]
    dropped: Callable[[str, str], None]
    devices: dict[str, Device] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    invitations: dict[str, OpenInvitation] = field(default_factory=dict)

    def enrol(self, device_id: str, public_key: bytes) -> bool:
        """Enrol a device, a new one in an account of its own; return whether it is new."""
        if device_id in self.devices:
            return False
        self.devices[device_id] = Device(public_key, self._new_account())
        return True

    def account_of(self, device_id: str) -> Account:
        """Return the account of an enrolled device."""
        return self.accounts[self.devices[device_id].account]

    def delete(self, device_id: str) -> None:
        """Forget a device, and its account if it was alone there."""
        self._depart(device_id)
        del self.devices[device_id]

    def answer(self, method: str, path: list[str], sender: str, body: bytes) -> Answer:
        """Answer a request to `/v1/circle` or `/v1/invitations`; path: what follows `/v1`."""
        match method, path:
            case "GET", ["circle"]:
                return self._circle(sender)
            case "PUT", ["circle", "card"]:
                self.devices[sender].card = _within(body, MAX_CARD_BYTES)
            case "DELETE", ["circle", "members", member]:
                self._remove(sender, member)
            case "PUT", ["circle", "mail", member]:
                mail = self._member(sender, member).mail
                mail.pop(sender, None)
                mail[sender] = _within(body, MAX_PACKAGE_BYTES)
            case "GET", ["circle", "mail"]:
                return self._mail(sender)
            case "DELETE", ["circle", "mail", digest]:
                mail = self.devices[sender].mail
                for name in [
                    name for name, kept in mail.items() if hashlib.sha256(kept).hexdigest() == digest
                ]:
                    del mail[name]
            case "POST", ["invitations"]:
                return self._invite(sender, body)
            case "POST", ["invitations", invitation_id, "claim"]:
                return self._claim(sender, invitation_id, body)
            case _:
                raise Refused(ErrorCode.ROUTE_UNKNOWN)
        return Answer(204, {}, b"")

    def _new_account(self) -> str:
        account = secrets.token_hex(16)
        self.accounts[account] = Account()
        return account

    def _members(self, account: str) -> dict[str, Device]:
        return {name: device for name, device in self.devices.items() if device.account == account}

    def _member(self, sender: str, member: str) -> Device:
        found = self._members(self.devices[sender].account).get(member)
        if found is None:
            raise Refused(ErrorCode.MEMBER_UNKNOWN)
        return found

    def _circle(self, sender: str) -> Answer:
        account = self.devices[sender].account
        members = [
            Member(name, device.source, device.card) for name, device in self._members(account).items()
        ]
        key_id = next(reversed(self.accounts[account].keys), "")
        return said(Circle(tuple(sorted(members, key=lambda member: member.source)), key_id))

    def _mail(self, sender: str) -> Answer:
        for name, package in self.devices[sender].mail.items():
            return said(Mail(name, package))
        return Answer(204, {}, b"")

    def _invite(self, sender: str, body: bytes) -> Answer:
        offered, account = Invitation.parse(body), self.devices[sender].account
        self._expire()
        earlier = self.invitations.get(offered.invitation_id)
        if earlier is not None:
            if (earlier.account, earlier.offered) != (account, offered):
                raise Refused(ErrorCode.REQUEST_MALFORMED, "invitation_id")
            return said(Invited(offered.invitation_id), 201)
        is_open = [i for i in self.invitations.values() if i.account == account and not i.claimed_by]
        if len(is_open) >= MAX_INVITATIONS:
            raise Refused(ErrorCode.INVITATIONS_FULL)
        expires_at = self.clock() + INVITATION_S
        self.invitations[offered.invitation_id] = OpenInvitation(account, offered, expires_at)
        return said(Invited(offered.invitation_id), 201)

    def _claim(self, sender: str, invitation_id: str, body: bytes) -> Answer:
        claim = Claim.parse(body).claim
        self._expire()
        invitation = self.invitations.get(invitation_id)
        if invitation is None or invitation.claimed_by not in {"", sender}:
            raise Refused(ErrorCode.INVITATION_UNKNOWN)
        digest = hashlib.sha256(claim).hexdigest()
        if not hmac.compare_digest(digest, invitation.offered.claim_sha256):
            invitation.attempts += 1
            if invitation.attempts == MAX_ATTEMPTS:
                del self.invitations[invitation_id]
            raise Refused(ErrorCode.INVITATION_REFUSED)
        device = self.devices[sender]
        if not invitation.claimed_by:
            if device.account == invitation.account:
                raise Refused(ErrorCode.INVITATION_REFUSED, "a member already")
            taken = {member.source for member in self._members(invitation.account).values()}
            if len(taken) == MAX_SOURCES:
                raise Refused(ErrorCode.CIRCLE_FULL)
            self._depart(sender)
            device.account, device.source = invitation.account, min(set(range(MAX_SOURCES)) - taken)
            invitation.claimed_by = sender
        return said(Claimed(invitation.offered.package, device.source))

    def _remove(self, sender: str, member: str) -> None:
        device = self._member(sender, member)
        if len(self._members(device.account)) > 1:
            self._depart(member)
            device.account, device.source = self._new_account(), 0

    def _depart(self, device_id: str) -> None:
        """Take a device out of its account, whose invitations are over: it may know their secrets."""
        device = self.devices[device_id]
        account = device.account
        self.dropped(device_id, account)
        self.invitations = {n: i for n, i in self.invitations.items() if i.account != account}
        others = [other for name, other in self._members(account).items() if name != device_id]
        for other in others:
            other.mail.pop(device_id, None)
        if not others:
            del self.accounts[account]
        device.card = b""
        device.mail.clear()

    def _expire(self) -> None:
        now = self.clock()
        self.invitations = {n: i for n, i in self.invitations.items() if i.expires_at > now}


def said(body: AnswerBody, status: int = 200) -> Answer:
    """Return the answer that has this body."""
    return Answer(status, {"content-type": "application/json"}, body.to_json())


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise Refused(ErrorCode.BODY_TOO_LARGE, f"at most {most} bytes")
    return body
