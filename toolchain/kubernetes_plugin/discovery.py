"""Which types the server knows. Owns the cache from (apiVersion, kind) to a path, and when it is out of date."""

import threading
import time
from dataclasses import dataclass

from toolchain.kubernetes_plugin.client import Client, Object, segment
from toolchain.kubernetes_plugin.errors import ApiError, PluginError

_FRESH_SECONDS = 2.0
_ESTABLISH_SECONDS = 10.0


@dataclass(frozen=True)
class Resource:
    """One type as the server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str = "") -> str:
        """The path of the type's collection; an empty namespace means all of them."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        return (
            f"{root}/namespaces/{segment(namespace)}/{self.plural}"
            if self.namespaced and namespace
            else f"{root}/{self.plural}"
        )

    def path(self, namespace: str, name: str) -> str:
        """The path of one object."""
        return f"{self.collection(namespace or 'default')}/{segment(name)}"


class UnknownKindError(PluginError):
    """The server does not serve the type: a CustomResourceDefinition is missing, or a version is wrong."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            f"the server does not know the type {api_version} {kind}",
            "an object's type must exist before the object",
            "check apiVersion and kind, and that the CustomResourceDefinition is made before (depends_on)",
        )


class Discovery:
    """A cache of the server's types, filled one group version at a time, when it is first asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, dict[str, Resource]]] = {}

    def find(self, api_version: str, kind: str) -> Resource:
        """The type's resource; a kind that is not in the cache is looked for again before it is called unknown.

        Raises:
            UnknownKindError: the server does not serve it.
        """
        kinds = self._load(api_version, stale_after=None)
        if kind not in kinds:
            kinds = self._load(api_version, stale_after=_FRESH_SECONDS)
        if kind not in kinds:
            raise UnknownKindError(api_version, kind)
        return kinds[kind]

    def await_kind(self, api_version: str, kind: str) -> Resource:
        """Like `find`, but gives a definition that was made a moment ago up to ten seconds to be served."""
        deadline = time.monotonic() + _ESTABLISH_SECONDS
        while True:
            try:
                return self.find(api_version, kind)
            except UnknownKindError:
                if time.monotonic() > deadline or self._client.cancelled.wait(0.25):
                    raise
                self.forget(api_version)

    def forget(self, api_version: str | None = None) -> None:
        """Drops what is known about a group version, or about all of them."""
        with self._lock:
            if api_version is None:
                self._found.clear()
            else:
                self._found.pop(api_version, None)

    def _load(self, api_version: str, stale_after: float | None) -> dict[str, Resource]:
        with self._lock:
            cached = self._found.get(api_version)
            if cached and (stale_after is None or time.monotonic() - cached[0] < stale_after):
                return cached[1]
            kinds = self._fetch(api_version)
            self._found[api_version] = (time.monotonic(), kinds)
            return kinds

    def _fetch(self, api_version: str) -> dict[str, Resource]:
        try:
            answer = self._client.get(f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}")
        except ApiError as error:
            if error.not_found:
                return {}
            raise
        return {
            item["kind"]: Resource(api_version, item["kind"], item["name"], bool(item.get("namespaced")))
            for item in answer.get("resources") or []
            if "/" not in item["name"]
        }


class Cluster:
    """A client with the types it knows: objects are addressed by apiVersion, kind, namespace and name."""

    def __init__(self, client: Client, default_namespace: str) -> None:
        self.client, self.discovery, self.default_namespace = client, Discovery(client), default_namespace

    def path_of(self, object_: Object) -> str:
        """The path of an object from its own fields."""
        metadata = object_["metadata"]
        resource = self.discovery.find(object_["apiVersion"], object_["kind"])
        return resource.path(metadata.get("namespace") or self.default_namespace, metadata["name"])

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object:
        """One object as it is now."""
        return self.client.get(self.discovery.find(api_version, kind).path(namespace, name))

    def live(self, object_: Object) -> Object:
        """The object as it is now."""
        return self.client.get(self.path_of(object_))

    def select(self, api_version: str, kind: str, namespace: str, **query: str) -> list[Object]:
        """The objects of a namespace that a `labelSelector` or `fieldSelector` chooses."""
        answer = self.client.get(self.discovery.find(api_version, kind).collection(namespace), **query)
        items: list[Object] = answer.get("items") or []
        return items
