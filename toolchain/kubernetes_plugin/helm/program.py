"""Runs the helm program. Owns its environment, its time limit and its cancellation."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolchain import programs
from toolchain.kubernetes_plugin.config import ProviderConfig
from toolchain.kubernetes_plugin.errors import PluginError
from toolchain.kubernetes_plugin.kubeconfig import Access

QUERY_SECONDS = 60
_GRACE_SECONDS = 30
_SETTINGS = {
    "registryConfigPath": "HELM_REGISTRY_CONFIG",
    "repositoryCache": "HELM_REPOSITORY_CACHE",
    "repositoryConfigPath": "HELM_REPOSITORY_CONFIG",
    "driver": "HELM_DRIVER",
    "pluginsPath": "HELM_PLUGINS",
}


class HelmError(PluginError):
    """helm ended with an error; the message is its own."""


class Helm:
    """The helm program on one cluster; `access` None serves only what needs no cluster."""

    def __init__(self, access: Access | None, config: ProviderConfig, cancelled: threading.Event) -> None:
        self._access, self._cancelled = access, cancelled
        names = {_SETTINGS[key]: value for key, value in config.helm.items() if key in _SETTINGS}
        self._environment = {k: v for k, v in os.environ.items() if k != "KUBECONFIG"} | names

    def run(self, arguments: list[str], limit: float) -> str:
        """What helm prints.

        Raises:
            HelmError: it failed, or took longer than `limit` seconds.
        """
        with self._kubeconfig() as kubeconfig:
            return self._run([_program(), *arguments, *kubeconfig], limit)

    def query(self, arguments: list[str]) -> Any:
        """What helm prints as JSON, None where the release does not exist."""
        try:
            return json.loads(self.run([*arguments, "--output", "json"], QUERY_SECONDS) or "null")
        except HelmError as error:
            if "release: not found" in str(error):
                return None
            raise

    def _run(self, command: list[str], limit: float) -> str:
        with subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            deadline = time.monotonic() + limit
            while True:
                try:
                    output, errors = process.communicate(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    if self._cancelled.is_set() or time.monotonic() > deadline:
                        output, errors = _stop(process)
                        errors += f"\nhelm was stopped after {limit:.0f} s or by the engine's cancellation"
                        break
        if process.returncode != 0:
            raise HelmError(f"helm {command[1]}: {_words(errors)}")
        return output

    @contextmanager
    def _kubeconfig(self) -> Iterator[list[str]]:
        """The kubeconfig in a private file for as long as helm runs."""
        if self._access is None:
            yield []
            return
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=None) as file:
            json.dump(_absolute(self._access), file, default=str)
            file.flush()
            yield ["--kubeconfig", file.name, "--kube-context", self._access.context]


def _program() -> str:
    return shutil.which("helm") or str(programs.ensure("helm"))


def _stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Asks helm to end, so that it records the release as failed; insists after half a minute."""
    process.terminate()
    try:
        return process.communicate(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate(timeout=_GRACE_SECONDS)


def _words(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith(("level=", "WARNING:"))]
    noted = [line for line in lines if not line.startswith(("I", "W", "E")) or "Error" in line or "error" in line]
    return "\n".join((noted or lines or errors.splitlines())[-15:]).removeprefix("Error: ")


def _absolute(access: Access) -> dict[str, Any]:
    """The kubeconfig with the chosen context, and its relative paths made absolute."""
    document: dict[str, Any] = json.loads(json.dumps(access.document, default=str))
    document.setdefault("apiVersion", "v1")
    document.setdefault("kind", "Config")
    for plural, singular, keys in (
        ("clusters", "cluster", ("certificate-authority",)),
        ("users", "user", ("client-certificate", "client-key", "tokenFile")),
    ):
        for entry in document.get(plural) or []:
            holder = entry.get(singular) or {}
            for key in keys:
                if holder.get(key):
                    holder[key] = str((access.base / Path(holder[key])).resolve())
    return document
