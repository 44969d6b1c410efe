"""What every service reads from its environment. Owns the validation and its messages; a service adds its own fields.

A secret is never an environment variable: a setting names the file that holds it (`read_secret`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, IPvAnyAddress, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Settings = TypeVar("Settings", bound="ServiceSettings")

# A default that is made of other settings is not made while one of them is refused: that one's refusal says enough.
_NO_DEFAULT = "default_factory_not_called"


@dataclass(frozen=True)
class Refusal:
    """One setting that is not acceptable: what was given, the rule it breaks, what to do."""

    value: str
    rule: str
    remedy: str


class SettingsError(Exception):
    """The environment, or a file that it names, does not allow a start."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        super().__init__("; ".join(f"{item.value}: {item.rule}; {item.remedy}" for item in refusals))


class ServiceSettings(BaseSettings):
    """The environment of a service. Names are the fields' in capitals; sizes are bytes and times are seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    service_name: str = Field(
        pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", description="the name of the service, a DNS label"
    )
    service_version: str = Field("0.0.0-dev", min_length=1, description="the version that logs and metrics show")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level logged")

    http_host: IPvAnyAddress = Field(
        IPvAnyAddress("0.0.0.0"),  # type: ignore[operator]  # noqa: S104 - a pod serves on its own address
        description="the address to listen on",
    )
    http_port: int = Field(8080, ge=0, le=65535, description="the port of the service; 0 takes a free one")
    tls_folder: Path | None = Field(
        None, description="a folder with tls.crt and tls.key, to serve HTTPS alone; read again when they change"
    )
    metrics_port: int = Field(9100, ge=0, le=65535, description="the port of /metrics; 0 takes a free one")

    head_limit_bytes: int = Field(32_768, ge=1024, le=1_048_576, description="the most that a request's head may take")
    head_seconds: float = Field(10, gt=0, le=120, description="how long a client may take to send a request's head")
    url_limit_bytes: int = Field(8_192, ge=256, le=65_536, description="the most that a request's target may take")
    body_limit_bytes: int = Field(
        1_048_576, ge=0, le=1_073_741_824, description="the most that a request's body may be"
    )
    body_seconds: float = Field(15, gt=0, le=600, description="how long a client may pause while it sends a body")
    keep_alive_seconds: int = Field(65, ge=1, le=3600, description="how long an idle connection is kept")

    drain_seconds: float = Field(
        3, ge=0, le=120, description="how long to go on serving, not ready, between SIGTERM and closing the port"
    )
    shutdown_seconds: int = Field(
        15, ge=1, le=600, description="how long requests in flight may take to end after that"
    )


def load_settings(kind: type[Settings], **given: Any) -> Settings:
    """The settings of `kind` from the environment; `given` overrides it (for tests).

    Raises SettingsError with every refusal at once.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        refused = [dict(item) for item in error.errors() if item["type"] != _NO_DEFAULT]
        raise SettingsError([_refusal(kind, item) for item in refused]) from None


def own_name(settings: dict[str, Any]) -> str:
    """The service's name: the default of a setting that is named after it, like its database and its logins."""
    return str(settings["service_name"])


def read_secret(path: Path) -> str:
    """The secret in the file at `path`, without the line break at its end. Raises SettingsError."""
    remedy = f"mount a file that holds the secret at {path}"
    try:
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Refusal(str(path), f"must be a readable text file ({error})", remedy)]) from error
    if not secret:
        raise SettingsError([Refusal(str(path), "must not be empty", remedy)])
    return secret


def _refusal(kind: type[ServiceSettings], item: Mapping[str, Any]) -> Refusal:
    location = item["loc"]
    field = str(location[0]) if location else "settings"
    name = field.upper()
    known = kind.model_fields.get(field.lower())
    missing = item["type"] == "missing"
    value = f"{name} is not set" if missing else f"{name}={str(item['input'])[:100]!r}"
    rule = "must be set" if missing else str(item["msg"]).removeprefix("Value error, ")
    meaning = known.description if known is not None and known.description else "see the service's settings"
    return Refusal(value, rule, f"set {name}: {meaning}")
