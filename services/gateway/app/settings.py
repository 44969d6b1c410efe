"""What the gateway reads from its environment."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from blueprint_kit.settings import ServiceSettings

Network = IPv4Network | IPv6Network


class GatewaySettings(ServiceSettings):
    """The gateway's own settings, beside those of every service."""

    service_name: str = "gateway"
    routes_file: Path = Field(description="the file of the route table (YAML), see app/table.py")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="networks, comma-separated, whose X-Forwarded-* headers are believed; from others they are dropped",
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
