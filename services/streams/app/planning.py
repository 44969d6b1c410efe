"""What differs between what is declared and what the broker has. Pure: `app.applying` asks the broker and changes it.

What is not declared of a stream or consumer stays as it is.
"""

from dataclasses import dataclass
from typing import Any, Literal

from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from app.declared import Consumer, Stream
from blueprint_kit.settings import Refusal

STREAM_FIELDS = ("subjects", "storage", "retention", "discard", "max_bytes", "max_age", "duplicate_window")
CONSUMER_FIELDS = ("filter_subject", "ack_policy", "ack_wait", "max_deliver", "max_ack_pending")

# What the broker never changes of one that is there.
FIXED = {"stream": frozenset({"storage", "retention"}), "consumer": frozenset({"ack_policy"})}

Differences = dict[str, tuple[Any, Any]]
"""What the broker has and what is declared, by field."""


@dataclass(frozen=True)
class Wanted:
    """A stream, or one of its consumers, as it should be."""

    kind: Literal["stream", "consumer"]
    stream: str
    name: str
    config: StreamConfig | ConsumerConfig

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"stream {self.stream}" if self.kind == "stream" else f"consumer {self.name} of stream {self.stream}"


@dataclass(frozen=True)
class Change:
    """What is to be done: make it (`differences` is None) or change what differs."""

    wanted: Wanted
    config: StreamConfig | ConsumerConfig
    differences: Differences | None


def wanted_of(stream: Stream) -> list[Wanted]:
    """The stream, then its consumers."""
    parts = [Wanted("stream", stream.name, stream.name, stream_config(stream))]
    for consumer in stream.consumers:
        parts.append(Wanted("consumer", stream.name, consumer.name, consumer_config(consumer)))
    return parts


def stream_config(stream: Stream) -> StreamConfig:
    """A stream as the client library says it."""
    return StreamConfig(
        name=stream.name,
        subjects=stream.subjects,
        storage=StorageType(stream.storage),
        retention=RetentionPolicy(stream.retention),
        discard=DiscardPolicy(stream.discard),
        max_bytes=stream.max_bytes,
        max_age=stream.max_age,
        duplicate_window=stream.duplicate_window,
    )


def consumer_config(consumer: Consumer) -> ConsumerConfig:
    """A consumer as the client library says it."""
    return ConsumerConfig(
        durable_name=consumer.name,
        filter_subject=consumer.filter_subject,
        ack_policy=AckPolicy(consumer.ack_policy),
        ack_wait=consumer.ack_wait,
        max_deliver=consumer.max_deliver,
        max_ack_pending=consumer.max_ack_pending,
    )


def change_to(wanted: Wanted, found: StreamConfig | ConsumerConfig | None) -> Change | None:
    """What makes `found`, which the broker has, what is wanted; None if it is that already."""
    if found is None:
        return Change(wanted, wanted.config, None)
    differences = differences_of(wanted, found)
    if not differences:
        return None
    return Change(wanted, found.evolve(**{name: getattr(wanted.config, name) for name in differences}), differences)


def differences_of(wanted: Wanted, found: StreamConfig | ConsumerConfig) -> Differences:
    """The declared fields in which `found` differs."""
    fields = STREAM_FIELDS if wanted.kind == "stream" else CONSUMER_FIELDS
    pairs = {name: (_plain(getattr(found, name)), _plain(getattr(wanted.config, name))) for name in fields}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def refusals_of(change: Change) -> list[Refusal]:
    """What of a change the broker does not do, and nobody should do without thought: messages would be lost."""
    what = change.wanted
    remedy = f"declare it as it is, or delete the {what.called} by hand, with the messages that it still needs to give"
    return [
        Refusal(f"{name}: {new!r}", f"the {what.called} has {old!r}, which cannot be changed", remedy)
        for name, (old, new) in (change.differences or {}).items()
        if name in FIXED[what.kind]
    ]


def _plain(value: Any) -> Any:
    """A value that compares and prints as it is written: subjects in any order, seconds without a fraction."""
    if isinstance(value, list):
        return sorted(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return getattr(value, "value", value)
