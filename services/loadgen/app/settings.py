"""What the load generator reads from its environment; how many visitors and how long are arguments (arguments.py)."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from blueprint_kit.settings import ServiceSettings


class LoadgenSettings(ServiceSettings):
    """The load generator's own settings, beside those of every service."""

    service_name: str = "loadgen"
    gateway_url: str = Field("http://gateway.edge", description="the URL of the shop's gateway")
    think_seconds: float = Field(1, ge=0, le=60, description="how long a visitor thinks between two things, on average")
    repeat_share: float = Field(
        0.1, ge=0, le=1, description="the share of orders that are sent twice, as by a client that lost the answer"
    )
    final_seconds: float = Field(
        60, gt=0, le=600, description="how long an accepted order may take until it is confirmed, rejected or unpaid"
    )

    @field_validator("gateway_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("must be an http or https URL without a path, such as http://gateway.edge")
        return value.rstrip("/")
