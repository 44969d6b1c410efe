"""What the web service reads from its environment."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from blueprint_kit.settings import ServiceSettings

NAMESPACE_RULE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label, RFC 1123


class WebSettings(ServiceSettings):
    """The web service's own settings, beside those of every service."""

    service_name: str = "web"
    kubernetes_url: str = Field("https://kubernetes.default.svc", description="the URL of the Kubernetes API")
    kubernetes_seconds: float = Field(2, gt=0, le=30, description="how long the Kubernetes API may take to answer")
    service_account_folder: Path = Field(
        Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        description="the folder with the service account's `token`, and the API's `ca.crt`",
    )
    topology_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        ("edge", "shop", "data"), min_length=1, description="the namespaces of the topology, comma-separated"
    )
    topology_file: Path = Field(description="the file of the topology's edges (YAML), see app/edges.py")
    graphs_file: Path | None = Field(None, description="the file of the page's graphs (JSON), see app/graphs.py")
    prometheus_url: str | None = Field(
        None, description="the URL of the Prometheus that knows their numbers; given with GRAPHS_FILE, or not at all"
    )
    prometheus_seconds: float = Field(2, gt=0, le=10, description="how long Prometheus may take to answer")

    @field_validator("topology_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("topology_namespaces")
    @classmethod
    def _are_namespaces(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        bad = [name for name in names if not NAMESPACE_RULE.fullmatch(name)]
        if bad or len(set(names)) < len(names):
            raise ValueError("must be names of namespaces, each once, such as edge,shop,data")
        return names

    @field_validator("kubernetes_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("must be an https URL without a path: the service account's token is sent there")
        return value.rstrip("/")

    @field_validator("prometheus_url")
    @classmethod
    def _is_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(
                "must be an http or https URL without a path, such as http://prometheus.observability:9090"
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.graphs_file is None) != (self.prometheus_url is None):
            raise ValueError("GRAPHS_FILE and PROMETHEUS_URL must be given together")
        return self
