"""What becomes of a delivered message. Owns the rules, without a connection; `blueprint_kit.consuming` acts by them."""

import json
from collections import OrderedDict
from dataclasses import dataclass

from nats.aio.msg import Msg

from blueprint_kit.client import UpstreamRefused
from blueprint_kit.problems import Problem

ACK, TERM, IN_PROGRESS = b"+ACK", b"+TERM", b"+WPI"
BACKOFF_MOST_SECONDS = 30.0
DEAD_BYTES = 524_288  # of a dead letter: half of what the server lets a message with its headers have
REMEMBERED = 10_000

# What another service says of a request that may be right later: RFC 9110, RFC 8470 and RFC 6585
LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Verdict:
    """How the handling of a message ended, and what the server is told."""

    outcome: str
    answer: bytes


class Failures:
    """How often a message failed in this process.

    Not the server's count of deliveries: that counts too how often a message was postponed, because a store was down
    for an hour, say; its first failure after that is not its last chance.
    """

    def __init__(self) -> None:
        self._counts = OrderedDict[int, int]()

    def add(self, number: int) -> int:
        """Count one more of the message with this sequence number."""
        count = self._counts.pop(number, 0) + 1
        self._counts[number] = count
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return count

    def forget(self, number: int) -> None:
        """The message is done with."""
        self._counts.pop(number, None)


def is_passing(error: Exception) -> bool:
    """Whether an error says "not now": the message will be handled once a store or another service is back."""
    if isinstance(error, UpstreamRefused):  # it did answer; what it says may be for good
        return error.status >= 500 or error.status in LATER
    return isinstance(error, Problem) and error.status_code >= 500


def pause(delivery: int, chance: float) -> float:
    """The seconds before the next delivery after the given one (from 1): half fixed, half times `chance` (0 to 1)."""
    full = min(BACKOFF_MOST_SECONDS, 2.0 ** min(delivery - 1, 10))
    return full * (0.5 + 0.5 * chance)


def nak(seconds: float) -> bytes:
    """The answer that asks for a message again after `seconds`."""
    return b"-NAK " + json.dumps({"delay": round(seconds * 1e9)}).encode() if seconds else b"-NAK"


def dead_letter(message: Msg, reason: str) -> tuple[str, bytes, dict[str, str]]:
    """The subject, body and headers of a message's dead letter: the same bytes, why it is dead and where it comes from.

    A body that leaves no room for that is cut; `Dead-Bytes` says how long it was, and the stream still has it.
    """
    metadata = message.metadata
    headers = {
        "Nats-Msg-Id": f"{metadata.stream}-{metadata.sequence.stream}-{metadata.consumer}",
        "Dead-Reason": " ".join(reason.split())[:500],
        "Dead-Subject": message.subject,
        "Dead-Stream": metadata.stream,
        "Dead-Sequence": str(metadata.sequence.stream),
        "Dead-Bytes": str(len(message.data)),
    }
    return f"dead.{metadata.consumer}", message.data[:DEAD_BYTES], headers
