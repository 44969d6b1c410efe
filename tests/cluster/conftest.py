"""One cluster for the session, one namespace per test that asks for it."""

import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.kube import Kube
from tests.cluster.shop import Shop
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


@pytest.fixture(scope="session")
def shop(outputs: dict[str, Any]) -> Iterator[Shop]:
    """The shop through the port of the host."""
    with httpx.Client(timeout=15) as http:
        yield Shop(str(outputs["urls"]["gateway"]), http)


@pytest.fixture(scope="session")
def observability(outputs: dict[str, Any]) -> None:
    """Leaves the test out, visibly, where nothing observes the stack."""
    if "observability" not in outputs["namespaces"]:
        pytest.skip("needs the namespace observability")


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
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Notes whether the test failed, for its namespace's diagnostics."""
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report
