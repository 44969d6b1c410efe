"""The Kubernetes API, asked for pods with the service account's token. What they mean is app/topology.py's."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import AliasPath, BaseModel, BeforeValidator, Field, ValidationError

from app.settings import WebSettings
from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem

NAME, VERSION = "app.kubernetes.io/name", "app.kubernetes.io/version"
SELECTOR = "app.kubernetes.io/part-of=blueprint,app.kubernetes.io/component!=migration"

log = logger(__name__)


class KubernetesUnavailable(Problem):
    """503: the Kubernetes API does not answer, or not with pods."""

    def __init__(self, why: str) -> None:
        super().__init__(503, f"the Kubernetes API {why}", kind="kubernetes-unavailable", headers={"Retry-After": "1"})


class Condition(BaseModel):
    """One condition of a pod."""

    type: str
    status: str


class Container(BaseModel):
    """The status of one container."""

    restarts: int = Field(0, alias="restartCount")


def _listed(value: object) -> object:
    """Go's nil slices are null in JSON."""
    return [] if value is None else value


class Pod(BaseModel):
    """What the topology needs of a pod."""

    name: str = Field(validation_alias=AliasPath("metadata", "name"))
    namespace: str = Field(validation_alias=AliasPath("metadata", "namespace"))
    labels: dict[str, str] = Field(validation_alias=AliasPath("metadata", "labels"))
    deleted_at: datetime | None = Field(None, validation_alias=AliasPath("metadata", "deletionTimestamp"))
    node: str | None = Field(None, validation_alias=AliasPath("spec", "nodeName"))
    phase: str = Field("Unknown", validation_alias=AliasPath("status", "phase"))
    conditions: Annotated[list[Condition], BeforeValidator(_listed)] = Field(
        default_factory=list, validation_alias=AliasPath("status", "conditions")
    )
    containers: Annotated[list[Container], BeforeValidator(_listed)] = Field(
        default_factory=list, validation_alias=AliasPath("status", "containerStatuses")
    )


class PodList(BaseModel):
    """The answer to a list request."""

    items: Annotated[list[Pod], BeforeValidator(_listed)]


class Kubernetes:
    """A client of the API. Token and certificate are read anew for each reading: the kubelet replaces both."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._certificate = ""
        self._client: httpx.AsyncClient | None = None

    async def pods(self, namespaces: Sequence[str]) -> list[Pod]:
        """The suite's pods in `namespaces`, without migrations. Raises KubernetesUnavailable."""
        try:
            async with asyncio.timeout(self._settings.kubernetes_seconds):
                return [pod for namespace in namespaces for pod in await self._pods_of(namespace)]
        except (TimeoutError, httpx.TimeoutException):
            raise _unavailable(f"did not answer within {self._settings.kubernetes_seconds:g} s") from None
        except httpx.TransportError as error:
            raise _unavailable("cannot be reached", repr(error)) from error
        except (OSError, ValueError) as error:
            raise _unavailable("cannot be asked without the service account's files", repr(error)) from error

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _pods_of(self, namespace: str) -> list[Pod]:
        client = await self._trusting(self._read("ca.crt"))
        response = await client.get(
            f"/api/v1/namespaces/{namespace}/pods",
            # Version 0 is answered from the API server's memory: the page asks every second, etcd need not.
            params={"labelSelector": SELECTOR, "resourceVersion": "0"},
            headers={"Authorization": f"Bearer {self._read('token')}", "Accept": "application/json"},
        )
        if response.status_code != 200:
            raise _unavailable(f"answered with {response.status_code} for pods of {namespace}", response.text[:500])
        try:
            return PodList.model_validate_json(response.content).items
        except ValidationError as error:
            raise _unavailable(f"did not answer with pods for {namespace}", str(error)) from None

    def _read(self, file: str) -> str:
        return Path(self._settings.service_account_folder, file).read_text(encoding="ascii").strip()

    async def _trusting(self, certificate: str) -> httpx.AsyncClient:
        """The client that believes servers of `certificate`'s authority only; a new one when that has changed."""
        if self._client is None or certificate != self._certificate:
            await self.close()
            context = ssl.create_default_context(cadata=certificate)
            timeout = self._settings.kubernetes_seconds
            url = self._settings.kubernetes_url
            self._client = httpx.AsyncClient(base_url=url, verify=context, timeout=timeout, trust_env=False)
            self._certificate = certificate
        return self._client


def _unavailable(why: str, log_only: str = "") -> KubernetesUnavailable:
    """The problem; what the API said about itself stays in the log."""
    log.warning("topology not read", why=why, answer=log_only)
    return KubernetesUnavailable(why)
