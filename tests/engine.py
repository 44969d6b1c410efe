"""The real engine on a small program: a project in a folder of the test's own, with its own state and plugins."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import engine_program, tools
from toolchain import kubernetes_plugin, language_host

STACK = "test"
SECONDS = 120


@dataclass(frozen=True)
class Declared:
    """One resource of the program.

    Attributes:
        name: its name in the program.
        type: its token, such as `kubernetes:apps/v1:Deployment`.
        props: its properties; `engine_program.UNKNOWN` stands for what is not known yet.
        secret_outputs: which outputs are to be encrypted.
    """

    name: str
    type: str
    props: dict[str, Any]
    secret_outputs: Sequence[str] = ()


@dataclass(frozen=True)
class Project:
    """A project whose program declares what it is given.

    Attributes:
        folder: holds the program, its state, and the home of the engine.
        kubeconfig: the cluster's, as text; empty for a cluster that is not made yet.
    """

    folder: Path
    kubeconfig: str = ""

    def declare(self, declared: Sequence[Declared]) -> None:
        """Writes the program anew."""
        objects = [vars(one) | {"secret_outputs": list(one.secret_outputs)} for one in declared]
        (self.folder / "objects.json").write_text(json.dumps(objects))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What pulumi answers; its words are all in `stdout`."""
        command = [str(tools.pulumi()), "-C", str(self.folder), "--non-interactive", *arguments]
        return subprocess.run(
            command,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def operate(self, operation: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs `preview`, `up` or `destroy` on its stack."""
        return self.run(operation, "--stack", STACK, *options)

    def _environment(self) -> dict[str, str]:
        home = self.folder / "home"
        callers = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        return callers | {
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "of the test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "TEST_KUBECONFIG": self.kubeconfig,
        }


def project(folder: Path, kubeconfig: str = "") -> Project:
    """A new project in the folder, with our language host and our Kubernetes plugin; skips where there is no pulumi."""
    python = Path(sys.executable)
    language_host.install(folder / "home" / "bin", python)
    plugins = folder / "home" / "plugins"
    kubernetes_plugin.install(plugins / f"resource-kubernetes-v{kubernetes_plugin.VERSION}", python)
    (folder / "state").mkdir()
    (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    shutil.copy(str(engine_program.__file__), folder / "__main__.py")
    made = Project(folder, kubeconfig)
    answer = made.run("stack", "init", STACK)
    assert answer.returncode == 0, answer.stdout
    return made
