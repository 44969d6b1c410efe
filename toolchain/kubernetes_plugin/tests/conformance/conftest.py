"""The live suite's surroundings: one control plane for all workers, one namespace and one stack for each test."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
from pulumi import automation

from toolchain import kubernetes_plugin, programs
from toolchain.kubernetes_plugin import kubeconfig as kubeconfigs
from toolchain.kubernetes_plugin.tests.conformance.servers import control_plane

KUBECONFIG_VARIABLE = "BLUEPRINT_CONFORMANCE_KUBECONFIG"
IMAGE_VARIABLE = "BLUEPRINT_CONFORMANCE_IMAGE"
HERE = Path(__file__).parent
Program = Callable[[], None]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"needs_kubelet: runs pods of {IMAGE_VARIABLE} on the real cluster of {KUBECONFIG_VARIABLE}"
    )
    config.addinivalue_line("markers", "nodeless: all others of this suite, whose control plane is their own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    kubelet = {KUBECONFIG_VARIABLE, IMAGE_VARIABLE} <= os.environ.keys()
    for item in (one for one in items if one.path.is_relative_to(HERE)):
        if not item.get_closest_marker("needs_kubelet"):
            item.add_marker("nodeless")
        elif not kubelet:
            item.add_marker(pytest.mark.skip(reason=f"needs a kubelet: set {KUBECONFIG_VARIABLE}, {IMAGE_VARIABLE}"))


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """The kubeconfig of the cluster that the test works on.

    Where no kubelet interferes the tests play it, by writing statuses; the cases that run pods have a real cluster.
    """
    if request.node.get_closest_marker("needs_kubelet"):
        return Path(os.environ[KUBECONFIG_VARIABLE])
    path: Path = request.getfixturevalue("nodeless")
    return path


@pytest.fixture(scope="session")
def nodeless(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """The kubeconfig of a control plane without nodes, which the first worker that needs one starts for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "control-plane"
    folder.mkdir(exist_ok=True)
    members = folder / "members"
    members.mkdir(exist_ok=True)
    (members / worker_id).touch()
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _joined(folder)
            (members / worker_id).unlink()
            return
        with control_plane(folder) as path:
            (folder / "ready").write_text(str(path))
            yield path
            (members / worker_id).unlink()
            _until(lambda: not any(members.iterdir()), 600)


def _joined(folder: Path) -> Path:
    _until((folder / "ready").exists, 120)
    return Path((folder / "ready").read_text())


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for the other workers")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin's launcher, pulumi, helm and kubectl."""
    folder = tmp_path_factory.mktemp("bin")
    kubernetes_plugin.install(folder, Path(sys.executable))
    for name in ("pulumi", "helm", "kubectl"):
        (folder / name).symlink_to(shutil.which(name) or programs.ensure(name))
    return folder


@dataclass
class World:
    """One test's namespace and stack."""

    kubeconfig: Path
    namespace: str
    folder: Path
    tools: Path
    settings: dict[str, Any] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    _program: Program = lambda: None

    def __post_init__(self) -> None:
        backend = self.folder / "state"
        backend.mkdir()
        self.environment = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{backend}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.folder / "home"),
        }
        project = automation.ProjectSettings(name="conformance", runtime="python")
        options = automation.LocalWorkspaceOptions(
            work_dir=str(self.folder),
            project_settings=project,
            env_vars=self.environment,
            pulumi_command=automation.PulumiCommand(root=None, skip_version_check=True)
            if shutil.which("pulumi")
            else None,
        )
        os.environ["PATH"] = self.environment["PATH"]
        self.stack = automation.create_stack("test", "conformance", program=self._run, opts=options)

    def _run(self) -> None:
        self._program()

    def provider(self, **settings: Any) -> k8s.Provider:
        """The provider on the cluster."""
        return k8s.Provider("cluster", kubeconfig=self.kubeconfig.read_text(), **{**self.settings, **settings})

    def options(self, **more: Any) -> pulumi.ResourceOptions:
        """Resource options that name the provider. Call once in each program."""
        return pulumi.ResourceOptions(provider=self.provider(), **more)

    def up(self, program: Program, **options: Any) -> automation.UpResult:
        """Updates the stack to the program."""
        self._program = program
        self.messages = []
        return self.stack.up(on_output=self.messages.append, color="never", show_secrets=False, **options)

    def fails(self, program: Program, **options: Any) -> str:
        """Updates the stack to a program that must fail, and gives all that was printed."""
        with pytest.raises(automation.CommandError) as caught:
            self.up(program, **options)
        return "\n".join(self.messages) + str(caught.value)

    def preview(self, program: Program, **options: Any) -> dict[str, int]:
        """What an update to the program would do: operation → count."""
        self._program = program
        self.messages = []
        result = self.stack.preview(on_output=self.messages.append, color="never", **options)
        return {str(getattr(key, "value", key)): count for key, count in result.change_summary.items()}

    def changes(self, result: automation.UpResult | automation.RefreshResult) -> dict[str, int]:
        """The update's operations on resources: operation → count."""
        return {
            str(getattr(key, "value", key)): count for key, count in (result.summary.resource_changes or {}).items()
        }

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """What kubectl prints."""
        command = [str(self.tools / "kubectl"), "--kubeconfig", str(self.kubeconfig), "-n", self.namespace, *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """An object as the cluster has it."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def exists(self, kind: str, name: str) -> bool:
        """Whether the cluster has the object."""
        return bool(self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def state(self) -> str:
        """The stack's state as it lies on the disk."""
        return (self.folder / "state/.pulumi/stacks/conformance/test.json").read_text()

    def meta(self, name: str | None = None, **more: Any) -> Any:
        """Metadata in the test's namespace."""
        return {"namespace": self.namespace, **({"name": name} if name else {}), **more}

    def patch_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        """Plays the controller: writes an object's status."""
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


@pytest.fixture
def world(kubeconfig: Path, tools: Path, tmp_path: Path) -> Iterator[World]:
    """A fresh namespace and stack; both are gone afterwards."""
    kubeconfigs.load(str(kubeconfig))
    made = World(kubeconfig, f"c-{uuid.uuid4().hex[:10]}", tmp_path, tools)
    made.kubectl("create", "namespace", made.namespace)
    yield made
    made.kubectl("delete", "namespace", made.namespace, "--wait=false")
