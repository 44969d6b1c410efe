"""The program's runs that the tests look at: each once per session."""

import pytest

from tests.isolation import own_settings
from tests.program.recording import Recorded, record

__all__ = ["own_settings"]

KIND = {"target": "kind", "cluster": "shop-town", "gatewayPort": 9080}
EXISTING_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: one, user: one}}
- {name: two, context: {cluster: two, user: two}}
users:
- {name: one, user: {token: the-token-of-one}}
"""


@pytest.fixture(scope="session")
def kind_stack(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The program with target `kind`."""
    return record(tmp_path_factory.mktemp("chart"), KIND)


@pytest.fixture(scope="session")
def existing_stack(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The program with target `existing`."""
    folder = tmp_path_factory.mktemp("chart")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(EXISTING_KUBECONFIG)
    config = {"target": "existing", "kubeconfig": kubeconfig, "context": "two", "registry": "registry.test:5000/shop"}
    return record(folder, config)


@pytest.fixture(scope="session")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A preview with target `kind`, before the cluster was ever made."""
    return record(tmp_path_factory.mktemp("chart"), KIND, preview=True)


@pytest.fixture(scope="session", params=["kind", "existing"])
def stack(request: pytest.FixtureRequest) -> Recorded:
    """Each target in turn."""
    found: Recorded = request.getfixturevalue(f"{request.param}_stack")
    return found
