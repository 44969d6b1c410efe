"""Kubeconfig files. Owns which server is talked to and how the plugin proves who it is; sends no API request itself."""

import base64
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from toolchain.kubernetes_plugin.errors import UnreachableError

EXEC_SECONDS = 60
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass
class Access:
    """One cluster and one user of a kubeconfig.

    Attributes:
        document: the whole kubeconfig, for programs such as helm that read it themselves.
        base: the folder that relative paths in the document start from.
    """

    document: dict[str, Any]
    context: str
    server: str
    namespace: str
    cluster: dict[str, Any]
    user: dict[str, Any]
    base: Path = field(default_factory=Path.cwd)
    _token: str = ""
    _token_expires: float = 0.0

    def tls(self) -> ssl.SSLContext:
        """The TLS settings: the cluster's authority and the user's certificate."""
        if self.cluster.get("insecure-skip-tls-verify"):
            context = ssl._create_unverified_context()  # noqa: S323 - the user's own kubeconfig asks for it
        else:
            context = ssl.create_default_context(cadata=self._text(self.cluster, "certificate-authority"))
        certificate, key = self._text(self.user, "client-certificate"), self._text(self.user, "client-key")
        if certificate and key:
            with _private_file(certificate + "\n" + key) as path:
                context.load_cert_chain(path)
        return context

    def headers(self) -> dict[str, str]:
        """The request headers that authenticate the user; an `exec` credential is fetched again when it expires."""
        if token := self._bearer():
            return {"Authorization": f"Bearer {token}"}
        if "username" in self.user:
            pair = f"{self.user['username']}:{self.user.get('password', '')}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        return {}

    def _bearer(self) -> str:
        if self.user.get("token"):
            return str(self.user["token"])
        if file := self.user.get("tokenFile"):
            return (self.base / str(file)).read_text().strip()
        if "exec" in self.user and time.time() > self._token_expires:
            self._token, self._token_expires = run_credential_program(self.user["exec"])
        return self._token

    def _text(self, holder: dict[str, Any], name: str) -> str | None:
        if data := holder.get(f"{name}-data"):
            return base64.b64decode(data).decode()
        return (self.base / holder[name]).read_text() if holder.get(name) else None


@contextmanager
def _private_file(content: str) -> Iterator[str]:
    """A file that only this user can read, for a library that takes nothing but paths."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(content)
        file.flush()
        yield file.name


def run_credential_program(program: dict[str, Any]) -> tuple[str, float]:
    """Runs a kubeconfig's `exec` entry (client.authentication.k8s.io).

    Returns:
        The bearer token and the epoch second at which it is to be fetched again.

    Raises:
        UnreachableError: the program is missing, failed, or gave no token.
    """
    environment = os.environ | {item["name"]: item["value"] for item in program.get("env") or []}
    kind = {"apiVersion": program.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    command = [program["command"], *(program.get("args") or [])]
    try:
        done = subprocess.run(
            command,
            env=environment | {"KUBERNETES_EXEC_INFO": json.dumps(kind)},
            capture_output=True,
            text=True,
            timeout=EXEC_SECONDS,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
        token = str(status["token"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        detail = getattr(error, "stderr", "") or error
        raise UnreachableError(
            f"the credential program {command[0]} gave no token: {detail}",
            "a kubeconfig's exec program prints an ExecCredential with a token",
            "run it by hand and correct what it says",
        ) from error
    expiry = status.get("expirationTimestamp")
    until = datetime.fromisoformat(expiry.replace("Z", "+00:00")).timestamp() - 60 if expiry else time.time() + 600
    return token, until


def load(kubeconfig: str, context: str = "", cluster: str = "") -> Access:
    """Reads a kubeconfig.

    Args:
        kubeconfig: the file's content, or its path; empty for `$KUBECONFIG`, `~/.kube/config`, then the pod's account.
        context: the context to use in place of `current-context`.
        cluster: the cluster to use in place of the context's.

    Raises:
        UnreachableError: nothing usable was found.
    """
    document, base = _document(kubeconfig)
    name = context or document.get("current-context") or ""
    chosen = _named(document, "contexts", "context", name)
    cluster_entry = _named(document, "clusters", "cluster", cluster or chosen.get("cluster", ""))
    user_name = chosen.get("user", "")
    user = _named(document, "users", "user", user_name) if user_name else {}
    server = str(cluster_entry.get("server", "")).rstrip("/")
    return Access(document, name, server, chosen.get("namespace") or "default", cluster_entry, user, base)


def _document(kubeconfig: str) -> tuple[dict[str, Any], Path]:
    text = kubeconfig.strip()
    if not text:
        return _default_document()
    base = Path.cwd()
    if "\n" not in text and not text.startswith("{"):
        path = Path(text).expanduser()
        if not path.is_file():
            raise UnreachableError(
                f"kubeconfig {text!r}", "it is a kubeconfig's content or the path of one", "correct it"
            )
        text, base = path.read_text(), path.resolve().parent
    return _parse(text), base


def _default_document() -> tuple[dict[str, Any], Path]:
    for candidate in filter(None, os.environ.get("KUBECONFIG", str(Path.home() / ".kube/config")).split(os.pathsep)):
        path = Path(candidate)
        if path.is_file():
            return _parse(path.read_text()), path.resolve().parent
    if (_SERVICE_ACCOUNT / "token").is_file():
        return _in_cluster(), _SERVICE_ACCOUNT
    raise UnreachableError(
        "no kubeconfig was given or found", "a cluster is named by a kubeconfig", "set the provider's `kubeconfig`"
    )


def _in_cluster() -> dict[str, Any]:
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    cluster = {"server": server, "certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")}
    return {
        "current-context": "in-cluster",
        "contexts": [{"name": "in-cluster", "context": {"cluster": "in-cluster", "user": "in-cluster"}}],
        "clusters": [{"name": "in-cluster", "cluster": cluster}],
        "users": [{"name": "in-cluster", "user": {"tokenFile": str(_SERVICE_ACCOUNT / "token")}}],
    }


def _parse(text: str) -> dict[str, Any]:
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders both
    except yaml.YAMLError as error:
        raise UnreachableError(
            f"the kubeconfig is not YAML: {error}", "a kubeconfig is YAML or JSON", "correct it"
        ) from error
    if not isinstance(document, dict):
        raise UnreachableError("the kubeconfig is no mapping", "a kubeconfig is a YAML mapping", "correct it")
    return document


def _named(document: dict[str, Any], plural: str, singular: str, name: str) -> dict[str, Any]:
    for entry in document.get(plural) or []:
        if entry.get("name") == name:
            return dict(entry.get(singular) or {})
    known = ", ".join(str(entry.get("name")) for entry in document.get(plural) or []) or "none"
    raise UnreachableError(
        f"{singular} {name!r} is not in the kubeconfig", f"it has: {known}", f"choose one of its {plural}"
    )
