"""The lab, chapter 1: containers of one pod share its address and its volumes, and each has its turn."""

from datetime import datetime
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import (
    LAB,
    Object,
    container_status,
    exhibit,
    place,
    pod_spec,
    restarts,
    settled,
    wait,
)
from tests.cluster.pods import inside

NAME = "one-pod"


@pytest.fixture
def pod(kube: Kube) -> Object:
    """The exhibit's pod, ready."""
    (found,) = settled(kube, LAB, NAME, 1)
    return found


@pytest.mark.concept("C1", "J2")
def test_a_container_reaches_its_sidecar_on_localhost(kube: Kube, pod: Object) -> None:
    """`client` gets from 127.0.0.1 what `web`, another container of its pod, serves; both have the pod's address."""
    name = pod["metadata"]["name"]
    text = inside(kube, LAB, name, "wget", "-q", "-T", "5", "-O", "-", "http://127.0.0.1:8080/", container="client")
    assert text == f"prepared for {name}"
    for container in ("web", "client", "clock"):
        assert inside(kube, LAB, name, "hostname", "-i", container=container) == pod["status"]["podIP"], container


@pytest.mark.concept("C1")
def test_a_file_written_by_one_container_is_read_by_another(kube: Kube, pod: Object) -> None:
    """The time that the sidecar writes into the shared folder moves on before the eyes of `client`."""
    name = pod["metadata"]["name"]

    def now() -> str:
        return inside(kube, LAB, name, "cat", "/shared/now", container="client")

    first = now()
    assert first.isdigit()
    wait(kube, LAB, "the sidecar's clock moves on", lambda: now() != first, seconds=60)


@pytest.mark.concept("C1")
def test_an_init_container_ends_before_the_sidecar_and_the_sidecar_is_up_before_the_others(pod: Object) -> None:
    """The order of the starts: `greeting` ended well, then `clock` ran, then `web` and `client`."""
    greeting = container_status(pod, "greeting")["state"]["terminated"]
    assert greeting["exitCode"] == 0
    clock, web, client = (_started(pod, name) for name in ("clock", "web", "client"))
    assert datetime.fromisoformat(greeting["finishedAt"]) <= clock <= min(web, client)


def _started(pod: Object, container: str) -> datetime:
    return datetime.fromisoformat(container_status(pod, container)["state"]["running"]["startedAt"])


@pytest.mark.concept("C1", "J8")
def test_a_container_that_starts_again_keeps_the_pods_address_and_files(kube: Kube, namespace: str) -> None:
    """`web` ends: it alone is started again, at the same address, and the shared folder's files are still there."""
    place(kube, namespace, exhibit(kube, "deployment", NAME))
    (before,) = settled(kube, namespace, NAME, 1)
    name = before["metadata"]["name"]
    kube.attempt("exec", "--namespace", namespace, name, "--container", "web", "--", "kill", "1")
    wait(kube, namespace, "web was started again", lambda: restarts(_pod(kube, namespace, name), "web") == 1)
    (after,) = settled(kube, namespace, NAME, 1)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert [restarts(after, other) for other in ("client", "clock")] == [0, 0]
    get = ["wget", "-q", "-T", "5", "-O", "-", "http://127.0.0.1:8080/"]
    assert inside(kube, namespace, name, *get, container="client") == f"prepared for {name}"


def _pod(kube: Kube, namespace: str, name: str) -> dict[str, Any]:
    return kube.get("pod", name, "--namespace", namespace)


@pytest.mark.concept("C1", "C13")
def test_a_native_sidecar_does_not_keep_a_job_from_its_end(kube: Kube, namespace: str) -> None:
    """The Job is complete though its sidecar loops for ever; as an ordinary container it would not be."""
    job = exhibit(kube, "job", "sidecar-ends")
    ordinary = exhibit(kube, "job", "sidecar-ends")
    ordinary["metadata"]["name"] = "sidecar-stays"
    _make_ordinary(pod_spec(ordinary))
    place(kube, namespace, job, ordinary)
    wait(kube, namespace, "the Job is complete", lambda: _succeeded(kube, namespace, "sidecar-ends") == 1)
    wait(kube, namespace, "the other one's work is done", lambda: _work_is_done(kube, namespace))
    assert _succeeded(kube, namespace, "sidecar-stays") == 0


def _make_ordinary(spec: Object) -> None:
    """Turns the sidecar into a second ordinary container. The work then waits itself until the first file is there."""
    (clock,) = spec.pop("initContainers")
    del clock["restartPolicy"], clock["startupProbe"]
    spec["containers"].append(clock)
    spec["containers"][0]["command"] = ["sh", "-c", "until test -s /shared/now; do sleep 1; done"]


def _succeeded(kube: Kube, namespace: str, job: str) -> int:
    return int(kube.get("job", job, "--namespace", namespace)["status"].get("succeeded", 0))


def _work_is_done(kube: Kube, namespace: str) -> bool:
    pods = kube.items("pods", "--namespace", namespace, "--selector", "batch.kubernetes.io/job-name=sidecar-stays")
    return any("terminated" in container_status(pod, "work").get("state", {}) for pod in pods)
