"""What the file declares: streams, and the durable pull consumers of each. Owns its form and what makes no sense.

Sizes are bytes. Times are seconds, or a whole number and one of s, m, h, d, as in `30d`.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.subjects import PATTERN_RULE, covers, overlapping
from blueprint_kit.settings import Refusal, SettingsError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(given: Any) -> Any:
    if isinstance(given, str):
        found = re.fullmatch(r"([0-9]+)([smhd])", given)
        if found is None:
            raise ValueError("must be seconds, or a whole number and one of s, m, h, d")
        return int(found[1]) * UNITS[found[2]]
    return given


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Subject = Annotated[str, Field(pattern=PATTERN_RULE, max_length=200)]
Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=1)]


class Part(BaseModel):
    """A part of the file: exactly this, and numbers are numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Consumer(Part):
    """A durable pull consumer: what it gets, and when it gets it again."""

    name: Name
    filter_subject: Subject
    ack_policy: Literal["explicit"] = "explicit"
    ack_wait: Seconds
    max_deliver: int = Field(ge=-1, description="-1: for ever")
    max_ack_pending: int = Field(ge=1)

    @field_validator("max_deliver")
    @classmethod
    def _not_never(cls, given: int) -> int:
        if given == 0:
            raise ValueError("must be -1, for ever, or at least 1")
        return given


class Stream(Part):
    """A stream: what it keeps, where, and how much and how long."""

    name: Name
    subjects: list[Subject] = Field(min_length=1)
    storage: Literal["file", "memory"]
    retention: Literal["limits", "interest", "workqueue"]
    discard: Literal["old", "new"]
    max_bytes: int = Field(ge=1)
    max_age: Seconds
    duplicate_window: Seconds
    consumers: list[Consumer]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once("consumer", [consumer.name for consumer in self.consumers])
        if self.duplicate_window > self.max_age:
            raise ValueError("its duplicate_window must not be longer than its max_age")
        for consumer in self.consumers:
            if not any(covers(subject, consumer.filter_subject) for subject in self.subjects):
                raise ValueError(
                    f"the stream has nothing of {consumer.filter_subject}, which its consumer {consumer.name} filters"
                )
        return self


class Declared(Part):
    """The whole file."""

    streams: list[Stream] = Field(min_length=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once("stream", [stream.name for stream in self.streams])
        pair = overlapping(subject for stream in self.streams for subject in stream.subjects)
        if pair is not None:
            raise ValueError(f"the subjects {pair[0]} and {pair[1]} overlap; a message belongs to one stream")
        return self


def read(path: Path) -> Declared:
    """What the file declares. Raises SettingsError with every refusal at once."""
    try:
        return Declared.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, f"must be a readable text file ({error})", f"mount it at {path}") from error
    except yaml.YAMLError as error:
        raise _refused(path, f"must be YAML ({' '.join(str(error).split())})", "mend it there") from error
    except ValidationError as error:
        raise SettingsError([_refusal(path, dict(item)) for item in error.errors()]) from None


def _once(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each {what} must be declared once; twice: {', '.join(twice)}")


def _refused(path: Path, rule: str, remedy: str) -> SettingsError:
    return SettingsError([Refusal(f"STREAMS_FILE={str(path)!r}", rule, remedy)])


def _refusal(path: Path, item: Mapping[str, Any]) -> Refusal:
    place = ".".join(map(str, item["loc"])) or "the whole"
    rule = str(item["msg"]).removeprefix("Value error, ")
    return Refusal(f"{place}: {item['input']!r:.100}", rule, f"change {place} in {path}")
