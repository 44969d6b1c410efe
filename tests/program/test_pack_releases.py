"""What the pack thinks a release makes is what the chart makes, in all that a rule looks at."""

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from policies.pack.known import known, part
from policies.pack.releases import made, merged
from policies.pack.resources import Pod, Resource, pods
from tests import tools
from tests.program.recording import Recorded, Registered
from tests.program.test_shop import RELEASE, SERVICES


def rendered(release: Mapping[str, Any]) -> Iterator[Resource]:
    """The objects of a release as helm makes them."""
    command = [
        *(str(tools.helm()), "template", release["name"], release["chart"]),
        *("--namespace", release["namespace"], "--values", "-"),
    ]
    done = subprocess.run(
        command, input=yaml.safe_dump(release["values"]), capture_output=True, text=True, timeout=30, check=True
    )
    for item in yaml.safe_load_all(done.stdout):
        if item:
            item["metadata"].setdefault("namespace", release["namespace"])
            yield Resource(f"kubernetes:{item['apiVersion']}:{item['kind']}", item)


def expected(one: Registered) -> list[Resource]:
    return made(Resource(one.type, known(one.inputs)))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_pods_of_a_release_are_those_that_the_chart_renders(kind_stack: Recorded, service: str) -> None:
    release = kind_stack.one(RELEASE, service)
    (guessed,) = (pod for one in expected(release) for pod in pods(one))
    found = [pod for one in rendered(release.inputs) for pod in pods(one)]
    assert found
    for pod in found:
        assert judged(pod) == judged(guessed)


def judged(pod: Pod) -> dict[str, Any]:
    """What the rules look at: the migration's pods have the same."""
    (_, container), *_ = pod.containers()
    names = ("app.kubernetes.io/name", "app.kubernetes.io/part-of")
    security = part(pod.spec, "securityContext")
    return {
        "namespace": pod.namespace,
        "labels": {name: part(pod.labels, name) for name in names},
        "token": part(pod.spec, "automountServiceAccountToken"),
        "seccomp": part(security, "seccompProfile", "type"),
        "not root": part(security, "runAsNonRoot"),
        **{key: container[key] for key in ("image", "securityContext")},
        "memory": part(container, "resources", "limits", "memory"),
        "host": [key for key in ("hostNetwork", "hostPID", "hostIPC") if key in pod.spec],
        "host paths": [volume for volume in pod.spec.get("volumes", []) if "hostPath" in volume],
    }


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_ways_in_of_a_release_are_those_that_the_chart_renders(kind_stack: Recorded, service: str) -> None:
    release = kind_stack.one(RELEASE, service)
    assert ways_in(expected(release)) == ways_in(rendered(release.inputs))


def ways_in(resources: Any) -> set[tuple[str, str]]:
    services = [one.props for one in resources if one.kind == "Service"]
    return {
        (one["metadata"]["name"], one["spec"]["type"]) for one in services if one["spec"].get("type") != "ClusterIP"
    }


def test_some_release_has_a_way_in(kind_stack: Recorded) -> None:
    """Else the test above would compare nothing."""
    assert [service for service in SERVICES if ways_in(expected(kind_stack.one(RELEASE, service)))]


def test_a_resource_that_is_no_release_of_our_chart_is_what_it_is() -> None:
    chart = Resource("kubernetes:helm.sh/v3:Release", {"chart": "/charts/cilium", "values": {"a": 1}})
    assert made(chart) == [chart]


def test_values_lie_over_values_and_null_takes_away() -> None:
    under = {"a": {"b": 1, "c": 2}, "d": [1], "e": 1}
    assert merged(under, {"a": {"c": None, "x": 3}, "d": [2], "e": None}) == {"a": {"b": 1, "x": 3}, "d": [2]}
