"""One cluster for the session, one namespace per test that asks for it, and the concept table at the end."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from tests.cluster.kube import Kube
from toolchain import kind, lifecycle, stack


@pytest.fixture(scope="session")
def cluster() -> str:
    """The cluster's name."""
    return lifecycle.settings().cluster


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The stack's outputs."""
    return stack.outputs(lifecycle.stack_name())


@pytest.fixture(scope="session")
def kube(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Kube:
    """The cluster as its administrator."""
    file: Path = tmp_path_factory.mktemp("kube") / "config"
    file.touch(mode=0o600)
    file.write_text(kind.kubeconfig(cluster))
    return Kube(str(file))


@pytest.fixture
def namespace(kube: Kube, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, at the `restricted` level; it goes when the test ends."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    if request.node.stash.get(_FAILED, False):
        print(kube.diagnostics(name))
    kube.run("delete", "namespace", name, "--wait=false")


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Notes for each report which concepts the test proves, and whether it failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    concepts = [text for mark in item.iter_markers("concept") for text in mark.args]
    summary = (getattr(getattr(item, "function", None), "__doc__", None) or item.name).splitlines()[0]
    report.user_properties.append(("concept", json.dumps({"ids": concepts, "proof": summary})))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The concept table: id, proof, result, seconds."""
    rows = []
    for result in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(result, []):
            for key, value in getattr(report, "user_properties", []):
                if key == "concept":
                    found = json.loads(value)
                    rows += [(identity, found["proof"], result, report.duration) for identity in found["ids"]]
    if not rows:
        return
    table = Table("id", "proof", "result", "s", title="Concepts proven")
    for identity, proof, result, seconds in sorted(set(rows)):
        table.add_row(identity, proof, result, f"{seconds:.1f}")
    Console(width=140).print(table)
