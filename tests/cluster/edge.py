"""The edge as clients outside see it: its hosts at the load balancer's address, by the stack's own authority."""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.cluster.kube import Kube, eventually

SPACE = "edge"
TAKEN_UP_SECONDS = 20
"""How long a changed route may take to be in force."""


class AtAddress(httpx.HTTPTransport):
    """Finds every host at one address, as curl's `--resolve` does, and verifies certificates for the host's name."""

    def __init__(self, address: str, trusted: ssl.SSLContext) -> None:
        super().__init__(verify=trusted, trust_env=False)
        self._address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The Host header is the URL's own: it was written when the request was made."""
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=self._address)
        return super().handle_request(request)


@dataclass(frozen=True)
class Edge:
    """The edge by its address and by the certificate of who signs for it."""

    address: str
    authority: str

    def trusted(self) -> ssl.SSLContext:
        """Trusts the stack's authority and nobody else."""
        return ssl.create_default_context(cadata=self.authority)

    def client(self, trusted: ssl.SSLContext | None = None) -> httpx.Client:
        """A client for whom the names of the hosts lead to the address."""
        return httpx.Client(transport=AtAddress(self.address, trusted or self.trusted()), timeout=10)

    def get(self, url: str, **given: Any) -> httpx.Response:
        """What the URL answers."""
        with self.client() as client:
            return client.get(url, **given)


def new_host() -> str:
    """The name of a host that nothing serves yet."""
    return f"test-{uuid.uuid4().hex[:8]}.blueprint.test"


def route_of(host: str, namespace: str = SPACE, backend: str = "web") -> dict[str, Any]:
    """A route of the Gateway for a host, in plain HTTP."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": host.partition(".")[0], "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "edge", "namespace": SPACE, "sectionName": "http"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": backend, "namespace": SPACE, "port": 80}]}],
        },
    }


def ingress_of(host: str, namespace: str = SPACE, backend: str = "web") -> dict[str, Any]:
    """The same as an Ingress."""
    service = {"name": backend, "port": {"number": 80}}
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": service}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": host.partition(".")[0], "namespace": namespace},
        "spec": {"ingressClassName": "contour", "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


@contextmanager
def applied(kube: Kube, one: dict[str, Any]) -> Iterator[None]:
    """The object while the body of the `with` runs."""
    kube.apply(one)
    metadata = one["metadata"]
    try:
        yield
    finally:
        kube.run("delete", one["kind"].lower(), metadata["name"], "--namespace", metadata["namespace"])


def serves(edge: Edge, host: str, status: int = 200) -> None:
    """Waits until the host answers with the status in plain HTTP."""
    answers: list[int] = []

    def seen() -> bool:
        answers.append(edge.get(f"http://{host}/").status_code)
        return answers[-1] == status

    eventually(f"{host} answers {status}", seen, seconds=TAKEN_UP_SECONDS, diagnose=lambda: f"answers: {answers}")
