"""Helm charts that ship inside Go modules: taken from the module proxy, which every lane has."""

import json
import shutil
import tempfile
from pathlib import Path

from toolchain import paths
from toolchain.recipes import MODULES
from toolchain.shell import run

DOWNLOAD_SECONDS = 300


def cilium() -> Path:
    """The folder of Cilium's own chart, of the version that the tools module locks; copied to the cache once.

    Raises:
        ToolchainError: the Go module proxy did not answer.
    """
    return _from_module("github.com/cilium/cilium", "install/kubernetes/cilium", "cilium")


def _from_module(module: str, inside: str, name: str) -> Path:
    version = _locked_version(module)
    chart = paths.cache() / "charts" / f"{name}-{version}"
    if chart.exists():
        return chart
    source = _download(module) / inside
    chart.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chart.parent, prefix=".copying-") as scratch:
        copied = Path(scratch) / name
        shutil.copytree(source, copied, copy_function=shutil.copyfile)
        for folder in (copied, *copied.rglob("*/")):
            folder.chmod(0o755)  # the module cache is read-only, the copy is ours
        copied.rename(chart)
    return chart


def _locked_version(module: str) -> str:
    command = ["go", "list", "-m", "-f", "{{.Version}}", module]
    return _go(command).strip()


def _download(module: str) -> Path:
    return Path(json.loads(_go(["go", "mod", "download", "-json", module]))["Dir"])


def _go(command: list[str]) -> str:
    remedy = "check that the Go module proxy is reachable, then run `make up` again"
    return run(["go", "-C", str(MODULES / "suite"), *command[1:]], seconds=DOWNLOAD_SECONDS, remedy=remedy)
