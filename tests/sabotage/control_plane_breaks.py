"""What is broken of the control plane's files, and which live tests must notice. Each starts the API server anew."""

from collections.abc import Callable
from typing import Any

import yaml

from tests.cluster.kube import Kube, eventually
from tests.sabotage.breaking import Act, Break
from toolchain import lifecycle
from toolchain.control_plane import configuration, encryption, folder, server

CONTROLLERS_SECONDS = 360
"""The kubelet's longest pause, and a minute."""
_TESTS = "test_control_plane.py::test_"
_EVERYTHING = {"type": "AlwaysAllow", "name": "alwaysallow"}


def _told(name: str, change: Callable[[str], str]) -> Act:
    """The API server goes by another text of a file."""
    kept: list[str] = []

    def write(kube: Kube, text: str) -> None:
        cluster = lifecycle.settings().cluster
        folder.write(cluster, {name: text})
        server.restart(cluster)
        _controllers_work(kube)

    def do(kube: Kube) -> None:
        kept.append(folder.read(lifecycle.settings().cluster, name))
        write(kube, change(kept[0]))

    return Act(f"control-plane/{name}", do, lambda kube: write(kube, kept.pop()))


def _controllers_work(kube: Kube) -> None:
    """Waits for the controllers: without an API server they end, and the kubelet lets them wait longer each time."""
    lease = ["lease", "kube-controller-manager", "--namespace", "kube-system"]
    before = kube.get(*lease)["spec"]["renewTime"]
    eventually(
        "the controllers work again",
        lambda: kube.get(*lease)["spec"]["renewTime"] != before,
        seconds=CONTROLLERS_SECONDS,
    )


def _yaml(change: Callable[[Any], object]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        content = yaml.safe_load(text)
        change(content)
        return yaml.safe_dump(content, sort_keys=False)

    return changed


CONTROL_PLANE = (
    Break(
        "D2",
        "an authorizer allows everything",
        [_told(configuration.AUTHORIZATION, _yaml(lambda found: found["authorizers"].append(_EVERYTHING)))],
        [
            f"{_TESTS}each_stage_of_the_api_server_refuses_what_is_its_to_refuse",
            f"{_TESTS}a_denied_request_is_found_in_the_audit_log",
        ],
        alone=True,
    ),
    Break(
        "I2",
        "who shows nothing may ask for anything",
        [_told(configuration.AUTHENTICATION, _yaml(lambda found: found["anonymous"].pop("conditions")))],
        [
            f"{_TESTS}who_shows_nothing_is_told_of_health_alone",
        ],
        alone=True,
    ),
    Break(
        "I3",
        "the ABAC file has no rule",
        [_told(configuration.ABAC, lambda _text: "")],
        [
            f"{_TESTS}abac_decides_what_rbac_does_not",
            f"{_TESTS}abac_knows_no_subresources_and_rbac_does",
        ],
        alone=True,
    ),
    Break(
        "I3",
        "the ABAC file lets the user write",
        [_told(configuration.ABAC, lambda text: text.replace('"readonly": true', '"readonly": false'))],
        [f"{_TESTS}abac_decides_what_rbac_does_not"],
        alone=True,
    ),
    Break(
        "F10",
        "Secrets are written in the clear",
        [_told(encryption.FILE, _yaml(lambda found: found["resources"][0]["providers"].reverse()))],
        [f"{_TESTS}a_secret_lies_in_etcd_as_ciphertext"],
        alone=True,
    ),
)
