"""The HTTP client of the API server. Owns connections, deadlines, retries; knows no kind of object."""

import json
import random
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from toolchain.kubernetes_plugin.errors import ApiError, CancelledError, UnreachableError
from toolchain.kubernetes_plugin.kubeconfig import Access

CONNECTIONS = 32
RETRY_SECONDS = 30.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 4.0
_RETRIED_CODES = frozenset({429, 502, 503, 504})
_TRANSIENT_500 = ("failed calling webhook", "etcdserver: ", "no endpoints available for service", "connection refused")

Object = dict[str, Any]


def retryable(error: ApiError) -> bool:
    """Whether the same request may succeed a moment later."""
    if error.code in _RETRIED_CODES:
        return True
    if error.code == 409:
        return error.reason == "Conflict" and not error.apply_conflict
    return error.code == 500 and any(word in error.message for word in _TRANSIENT_500)


class Client:
    """One cluster's API. Safe to share between threads."""

    def __init__(self, access: Access, timeout: float, cancelled: threading.Event) -> None:
        self.access, self.cancelled = access, cancelled
        self._http = httpx.Client(
            base_url=access.server,
            verify=access.tls() if access.server.startswith("https") else False,
            timeout=httpx.Timeout(timeout, connect=5.0, pool=120.0),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            proxy=access.cluster.get("proxy-url"),
            trust_env=False,
            headers={"User-Agent": "blueprint-kubernetes-plugin", "Accept": "application/json"},
        )
        self._extensions = {"sni_hostname": name} if (name := access.cluster.get("tls-server-name")) else {}

    def get(self, path: str, **query: str) -> Object:
        """The object or list at the path.

        Raises:
            ApiError: the server refused. UnreachableError: it did not answer.
        """
        return self._json("GET", path, query)

    def get_text(self, path: str, **query: str) -> str:
        """The body at the path as text, for logs."""
        return self._retried("GET", path, query, None, {}).text

    def apply(self, path: str, body: Object, *, manager: str, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply. JSON is YAML, so the body is sent as `application/apply-patch+yaml`."""
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        return self._json("PATCH", path, query, body, "application/apply-patch+yaml")

    def merge(self, path: str, body: Object, **query: str) -> Object:
        """A JSON merge patch."""
        return self._json("PATCH", path, query, body, "application/merge-patch+json")

    def create(self, path: str, body: Object, **query: str) -> Object:
        """A POST to a collection."""
        return self._json("POST", path, query, body, "application/json")

    def delete(self, path: str, options: Object) -> Object:
        """A DELETE with DeleteOptions."""
        return self._json("DELETE", path, {}, options, "application/json")

    def close(self) -> None:
        """Closes every connection."""
        self._http.close()

    def _json(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None = None, media: str = ""
    ) -> Object:
        content = json.dumps(body).encode() if body is not None else None
        answer: Object = self._retried(method, path, query, content, {"Content-Type": media} if media else {}).json()
        return answer

    def _retried(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        deadline, pause = time.monotonic() + RETRY_SECONDS, _FIRST_PAUSE
        while True:
            try:
                return self._once(method, path, query, content, headers)
            except ApiError as error:
                if not retryable(error) or time.monotonic() + pause > deadline:
                    raise
                wait = error.retry_after or pause
            except httpx.TransportError as error:
                if time.monotonic() + pause > deadline or isinstance(error, httpx.ConnectError):
                    raise self._unreachable(error) from error
                wait = pause
            if self.cancelled.wait(min(wait, _LONGEST_PAUSE) * random.uniform(0.7, 1.3)):  # noqa: S311 - jitter
                raise CancelledError(f"{method} {path} was cancelled")
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        answer = self._http.request(
            method,
            path,
            params=dict(query) or None,
            content=content,
            headers=self.access.headers() | headers,
            extensions=self._extensions or None,
        )
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, _status(answer), f"{method} {path}")
        return answer

    def _unreachable(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"the Kubernetes API server at {self.access.server} does not answer: {error}",
            "a resource is made on a cluster that answers",
            "check that the cluster runs and that the kubeconfig is right",
        )


def _status(answer: httpx.Response) -> Object:
    try:
        body = answer.json()
    except ValueError:
        return {"message": answer.text[:300]}
    return body if isinstance(body, dict) else {"message": str(body)[:300]}


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
