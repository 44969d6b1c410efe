"""The API server over HTTP: its address and trust, who asks, and objects as `kubectl get` gives them.

A test that waits looks again and again. Each look by kubectl is a process that reads the whole discovery and makes a
connection; over a connection that is kept it takes about a twentieth of the processor.
"""

import argparse
import base64
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import httpx
import yaml

CONNECTIONS = 8
SECONDS = 20
ATTEMPTS = 3
"""A kept connection may be one that an API server had which is gone. To read again changes nothing."""
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""The whole of a group list in one answer.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""


@dataclass(frozen=True)
class Api:
    """The API server's address and the certificate of who signs for it."""

    server: str
    authority: str

    @classmethod
    def of(cls, kubeconfig: str) -> "Api":
        """As the kubeconfig says, by its file's name."""
        (cluster,) = (one["cluster"] for one in _content(kubeconfig)["clusters"])
        return cls(cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode())

    def client(self, token: str | None = None, pair: tuple[str, str] | None = None) -> httpx.Client:
        """A client by a bearer token, or by a certificate and its key (PEM), or as nobody. Threads may share it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.server,
            verify=self._trust(pair),
            headers=headers,
            timeout=SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    def _trust(self, pair: tuple[str, str] | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority)
        if pair:
            with tempfile.NamedTemporaryFile("w") as file:  # the library reads certificates from files only
                file.write("".join(pair))
                file.flush()
                context.load_cert_chain(file.name)
        return context


def client_of(kubeconfig: str) -> httpx.Client:
    """A client as the kubeconfig's user."""
    (user,) = (one["user"] for one in _content(kubeconfig)["users"])
    if "token" in user:
        return Api.of(kubeconfig).client(user["token"])
    certificate, key = (base64.b64decode(user[f"client-{part}-data"]).decode() for part in ("certificate", "key"))
    return Api.of(kubeconfig).client(pair=(certificate, key))


def _content(kubeconfig: str) -> dict[str, Any]:
    return dict(yaml.safe_load(Path(kubeconfig).read_text()))


@dataclass(frozen=True)
class Resource:
    """One resource: its kind, and where its objects are.

    Attributes:
        root: the path of its group and version.
        plural: its name in paths.
        kind: its objects' kind.
        namespaced: whether its objects lie in namespaces.
    """

    root: str
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str | None, name: str = "") -> str:
        """Of one object, or of all; of one namespace, or of every one."""
        space = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.root}{space}/{self.plural}" + (f"/{name}" if name else "")


class _Arguments(argparse.ArgumentParser):
    """What `kubectl get` is told, as far as the tests need it."""

    def __init__(self) -> None:
        super().__init__(prog="get", add_help=False, allow_abbrev=False)
        self.add_argument("what", nargs="+")
        self.add_argument("--namespace", "-n", default="default")
        self.add_argument("--all-namespaces", "-A", action="store_true")
        self.add_argument("--selector", "-l", default="")
        self.add_argument("--field-selector", default="")
        self.add_argument("--show-managed-fields", action="store_true")

    def error(self, message: str) -> NoReturn:
        """A slip of the test's author."""
        raise AssertionError(f"get: {message}")


class Reader:
    """Reads objects as the user of a kubeconfig."""

    def __init__(self, kubeconfig: str) -> None:
        self._http = client_of(kubeconfig)
        self._known: dict[str, Resource] = {}

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get … --output json` prints: an object, or a List of them.

        Raises:
            AssertionError: the API server refused, with its own words; or no such resource is served.
        """
        told = _Arguments().parse_args(arguments)
        kinds, _, name = told.what[0].partition("/")
        names = [*([name] if name else []), *told.what[1:]]
        assert len(names) <= 1, f"get: one name at a time, not {names}"
        space = None if told.all_namespaces else told.namespace
        query = {"labelSelector": told.selector, "fieldSelector": told.field_selector}
        resources = [self._resource(kind) for kind in kinds.split(",")]
        if names:
            (resource,) = resources
            return _shown(self._read(resource.path(space, names[0])), told.show_managed_fields)
        found = [
            {"apiVersion": listed["apiVersion"], "kind": resource.kind, **_shown(item, told.show_managed_fields)}
            for resource in resources
            for listed in [self._read(resource.path(space), query)]
            for item in listed["items"] or []
        ]
        return {"apiVersion": "v1", "kind": "List", "items": found}

    def _resource(self, name: str) -> Resource:
        if name not in self._known:
            self._known = self._discovered()
        assert name in self._known, f"get: the API server has no resource {name!r}"
        return self._known[name]

    def _discovered(self) -> dict[str, Resource]:
        """Every name of every resource; of two with one name the group counts that the API server prefers."""
        found: dict[str, Resource] = {}
        for path in ("/api", "/apis"):
            for group in self._read(path, accept=DISCOVERY)["items"]:
                for names, resource in _resources(path, group):
                    for name in names:
                        found.setdefault(name, resource)
        return found

    def _read(self, path: str, query: dict[str, str] | None = None, accept: str = "application/json") -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._http.get(path, params=query, headers={"Accept": accept})
                break
            except httpx.TransportError as error:
                assert attempt < ATTEMPTS, f"get {path}: {error!r}"
        assert answer.status_code == 200, f"get {path}: {answer.status_code} {_message(answer)}"
        return dict(answer.json())


def _resources(path: str, group: dict[str, Any]) -> Iterator[tuple[Sequence[str], Resource]]:
    called = group["metadata"].get("name", "")
    for version in group["versions"]:
        root = "/".join(part for part in (path, called, version["version"]) if part)
        for one in version.get("resources", []):
            plural, kind = one["resource"], one["responseKind"]["kind"]
            names = [plural, one.get("singularResource") or kind.lower(), *one.get("shortNames", [])]
            names += [f"{name}.{called}" for name in (plural, names[1])] if called else []
            yield names, Resource(root, plural, kind, one["scope"] == "Namespaced")


def _shown(found: dict[str, Any], managed_fields: bool) -> dict[str, Any]:
    if not managed_fields:
        found["metadata"].pop("managedFields", None)
    return found


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message"))
    except ValueError:
        return answer.text


@cache
def reader(kubeconfig: str) -> Reader:
    """The reader of a kubeconfig's file; its connections are kept as long as the tests run."""
    return Reader(kubeconfig)
