"""How long 200 ConfigMaps take: this plugin, kubectl, and the engine alone.

`python -m toolchain.kubernetes_plugin.benchmark KUBECONFIG` prints seconds and ratios. It leaves nothing behind.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
from pulumi import automation

from toolchain import kubernetes_plugin, programs

COUNT = 200
SECONDS = 300


class _Empty(pulumi.ComponentResource):
    """A resource that only the engine knows."""

    def __init__(self, name: str) -> None:
        super().__init__("blueprint:benchmark:Empty", name)
        self.register_outputs({})


def _engine_alone() -> None:
    for index in range(COUNT):
        _Empty(f"e{index}")


def _config_maps(kubeconfig: Path, namespace: str) -> Callable[[], None]:
    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig=kubeconfig.read_text())
        options = pulumi.ResourceOptions(provider=provider)
        for index in range(COUNT):
            metadata = k8s.meta.v1.ObjectMetaArgs(name=f"c{index}", namespace=namespace)
            k8s.core.v1.ConfigMap(f"c{index}", metadata=metadata, data={"index": str(index)}, opts=options)

    return program


def _update(folder: Path, program: Callable[[], None]) -> float:
    """Seconds of one update of a new stack: from the start of `pulumi up` until the engine sums up."""
    (folder / "state").mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "benchmark",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    settings = automation.ProjectSettings(name="benchmark", runtime="python")
    options = automation.LocalWorkspaceOptions(work_dir=str(folder), project_settings=settings, env_vars=environment)
    stack = automation.create_stack("test", "benchmark", program=program, opts=options)
    ended: list[float] = []

    def note(event: automation.EngineEvent) -> None:
        if event.summary_event is not None:
            ended.append(time.monotonic())

    started = time.monotonic()
    stack.up(on_event=note)
    return ended[-1] - started


def _kubectl(kubeconfig: Path, *arguments: str, text: str = "") -> float:
    """Seconds of one run of kubectl."""
    command = ["kubectl", "--kubeconfig", str(kubeconfig), *arguments]
    started = time.monotonic()
    subprocess.run(command, input=text, text=True, capture_output=True, timeout=SECONDS, check=True)
    return time.monotonic() - started


def _apply(kubeconfig: Path, namespace: str) -> float:
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"k{index}"}, "data": {"index": str(index)}}
        for index in range(COUNT)
    ]
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    return _kubectl(kubeconfig, "-n", namespace, "apply", "--server-side", "-f", "-", text=document)


def main() -> None:
    """Measures each once and prints seconds and ratios to kubectl."""
    kubeconfig, namespace = Path(sys.argv[1]), f"benchmark-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        kubernetes_plugin.install(folder / "bin", Path(sys.executable))
        for name in ("pulumi", "kubectl", "helm"):
            (folder / "bin" / name).symlink_to(shutil.which(name) or programs.ensure(name))
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        _kubectl(kubeconfig, "create", "namespace", namespace)
        try:
            apply = _apply(kubeconfig, namespace)
            plugin = _update(folder / "plugin", _config_maps(kubeconfig, namespace))
            engine = _update(folder / "engine", _engine_alone)
        finally:
            _kubectl(kubeconfig, "delete", "namespace", namespace, "--wait=false")
    for title, seconds in (("kubectl apply --server-side", apply), ("pulumi up", plugin), ("engine alone", engine)):
        sys.stdout.write(f"{title:28} {seconds:6.2f} s  {seconds / apply:6.2f} times kubectl\n")


if __name__ == "__main__":
    main()
