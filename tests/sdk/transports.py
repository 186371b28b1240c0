"""Transports in front of a trainer that lose, count or change what passes."""

from __future__ import annotations

from dataclasses import dataclass, field

from quietkeys.remote.http import Answer, Request, Transport
from quietkeys_protocol.errors import ErrorCode, TryAgain


class Unreachable:
    """Reaches nobody."""

    def send(self, request: Request) -> Answer:
        """Raise."""
        raise TryAgain(ErrorCode.TRAINER_UNREACHABLE)


@dataclass(slots=True)
class AnswersLost:
    """Delivers every request and loses the answers from one path."""

    trainer: Transport
    path: str

    def send(self, request: Request) -> Answer:
        """Deliver."""
        answer = self.trainer.send(request)
        if request.path == self.path:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE)
        return answer


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trainer sees of a request, but for what is random in every one of them."""

    method: str
    route: str
    headers: tuple[str, ...]
    body_bytes: int
    waited: int


@dataclass(slots=True)
class Transcript:
    """Notes what the trainer sees. waited: the seconds that the device has slept so far."""

    trainer: Transport
    waited: list[float]
    seen: list[Seen] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        """Note and deliver."""
        route = "/".join("ID" if len(part) >= 32 else part for part in request.path.split("/"))
        self.seen.append(
            Seen(request.method, route, tuple(request.headers), request.body.size, len(self.waited))
        )
        return self.trainer.send(request)
