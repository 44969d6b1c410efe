"""Helm charts that ship inside Go modules: taken from the module proxy, which every lane has."""

import shutil
import tempfile
from pathlib import Path

from toolchain import go_modules, paths


def cilium() -> Path:
    """The folder of Cilium's own chart, of the version that the tools module locks; copied to the cache once.

    Raises:
        ToolchainError: the Go module proxy did not answer.
    """
    return _from_module("github.com/cilium/cilium", "install/kubernetes/cilium", "cilium")


def _from_module(module: str, inside: str, name: str) -> Path:
    chart = paths.cache() / "charts" / f"{name}-{go_modules.version(module)}"
    if chart.exists():
        return chart
    source = go_modules.folder(module) / inside
    chart.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chart.parent, prefix=".copying-") as scratch:
        copied = Path(scratch) / name
        shutil.copytree(source, copied, copy_function=shutil.copyfile)
        for folder in (copied, *copied.rglob("*/")):
            folder.chmod(0o755)  # the module cache is read-only, the copy is ours
        copied.rename(chart)
    return chart
