"""What the program reads from its environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.messages import MessagesSettings


class StreamsSettings(MessagesSettings):
    """The program's own settings, beside those of every service with messages."""

    service_name: str = "streams"

    streams_file: Path = Field(description="the YAML file that declares the streams and their consumers")
    streams_seconds: float = Field(120, gt=0, le=3600, description="how long to wait, in all, for the broker")
