"""What parent and child say to each other: pickles, each behind its length.

Both ends are this package and the pipe is private to them.
"""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Any, Literal

from matcher.engines.base import Limits
from matcher.program import Floats, Program

_LENGTH = struct.Struct("<Q")

STOP = "stop"
"""What the parent sends to have a solve end with its best."""

LAST = ("verdict", "unavailable", "refused")
"""Kinds of messages after which a child says nothing more about a request."""

Status = Literal["finished", "infeasible", "time_limit", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to solve, within what, from where, for whom (its process id), in how many seconds."""

    program: Program
    limits: Limits
    start: Floats | None
    parent: int
    remaining_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a solver ended: its last plan, if any, and the bound it proved, if any."""

    status: Status
    x: Floats | None
    bound: float | None
    detail: str = ""


def write(stream: IO[bytes], message: Any) -> None:
    """Send one message."""
    body = pickle.dumps(message, protocol=5)
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def read(stream: IO[bytes]) -> Any:
    """Receive one message; ``EOFError`` once the other end is gone."""
    return pickle.loads(_exactly(stream, _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return body
