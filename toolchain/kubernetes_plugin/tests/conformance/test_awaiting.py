"""Readiness. Without a kubelet the tests play it, by writing statuses; cases that need one are marked."""

import json
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from toolchain.kubernetes_plugin.tests.conformance.conftest import IMAGE_VARIABLE, Program, World

LABELS = {"app": "a"}
POD: Any = {"containers": [{"name": "c", "image": "image"}]}


def later(action: Callable[[], None], ready: Callable[[], bool]) -> threading.Thread:
    """Does something as soon as a condition holds, at the latest in half a minute."""

    def body() -> None:
        deadline = time.monotonic() + 30
        while not ready():
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
        action()

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


def pod(world: World, seconds: int = 60, mark: dict[str, str] | None = None) -> Program:
    def program() -> None:
        marks = {"pulumi.com/timeoutSeconds": str(seconds), **(mark or {})}
        metadata = world.meta("p", annotations=marks)
        k8s.core.v1.Pod("p", metadata=metadata, spec=POD, opts=world.options())

    return program


READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def test_pod_is_awaited_until_ready(world: World) -> None:
    actor = later(lambda: world.patch_status("pod", "p", READY), lambda: world.exists("pod", "p"))
    world.up(pod(world))
    actor.join(5)
    assert world.object("pod", "p")["status"]["phase"] == "Running"


def test_pod_that_is_not_ready_in_time_fails_with_reason_and_stays_in_the_state(world: World) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    container = {"name": "c", "image": "image", "imageID": "", "ready": False, "restartCount": 0}
    status = {"containerStatuses": [{**container, "state": {"waiting": waiting}}]}
    actor = later(lambda: world.patch_status("pod", "p", status), lambda: world.exists("pod", "p"))
    message = world.fails(pod(world, seconds=4))
    actor.join(5)
    assert "ImagePullBackOff: no such image" in message
    assert "was not ready after 4 s" in message
    world.patch_status("pod", "p", READY)
    assert world.changes(world.up(pod(world, seconds=4)))["update"] == 1, (
        "the next update resumes, it makes nothing new"
    )


def test_failed_pod_fails_at_once(world: World) -> None:
    failed = {"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}
    actor = later(lambda: world.patch_status("pod", "p", failed), lambda: world.exists("pod", "p"))
    started = time.monotonic()
    assert "Evicted" in world.fails(pod(world, seconds=60))
    actor.join(5)
    assert time.monotonic() - started < 40


def test_custom_timeout_goes_before_the_annotation(world: World) -> None:
    def program() -> None:
        metadata = world.meta("p", annotations={"pulumi.com/timeoutSeconds": "300"})
        timeouts = pulumi.CustomTimeouts(create="2s")
        k8s.core.v1.Pod("p", metadata=metadata, spec=POD, opts=world.options(custom_timeouts=timeouts))

    assert "was not ready after 2 s" in world.fails(program)


def test_skip_await_returns_at_once(world: World) -> None:
    world.up(pod(world, mark={"pulumi.com/skipAwait": "true"}))
    assert world.object("pod", "p")["status"]["phase"] == "Pending"


def test_wait_for_condition(world: World) -> None:
    status = {"conditions": [{"type": "Special", "status": "True"}]}
    actor = later(lambda: world.patch_status("pod", "p", status), lambda: world.exists("pod", "p"))
    world.up(pod(world, mark={"pulumi.com/waitFor": "condition=Special"}))
    actor.join(5)


def test_wait_for_jsonpath(world: World) -> None:
    actor = later(lambda: world.patch_status("pod", "p", READY), lambda: world.exists("pod", "p"))
    world.up(pod(world, mark={"pulumi.com/waitFor": "jsonpath={.status.phase}=Running"}))
    actor.join(5)


def test_malformed_wait_for_is_refused(world: World) -> None:
    assert "pulumi.com/waitFor" in world.fails(pod(world, mark={"pulumi.com/waitFor": "phase is Running"}))


def service(world: World, **spec: Any) -> Program:
    def program() -> None:
        whole: Any = {"ports": [{"port": 80}], **spec}
        metadata = world.meta("s", annotations={"pulumi.com/timeoutSeconds": "3"})
        k8s.core.v1.Service("s", metadata=metadata, spec=whole, opts=world.options())

    return program


@pytest.mark.parametrize(
    "spec",
    [{}, {"cluster_ip": "None", "selector": LABELS}, {"type": "ExternalName", "external_name": "example.com"}],
    ids=["no-selector", "headless", "external-name"],
)
def test_service_without_endpoints_to_wait_for_is_ready(world: World, spec: dict[str, Any]) -> None:
    world.up(service(world, **spec))


def test_service_without_ready_pods_fails(world: World) -> None:
    assert "no pod that it selects is ready" in world.fails(service(world, selector=LABELS))


def test_load_balancer_waits_for_its_address(world: World) -> None:
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    assert "the load balancer has no address" in world.fails(service(world, type="LoadBalancer"))
    world.patch_status("service", "s", address)
    world.up(service(world, type="LoadBalancer"))


def test_ingress_waits_for_its_address(world: World) -> None:
    def program() -> None:
        backend: Any = {"service": {"name": "s", "port": {"number": 80}}}
        metadata = world.meta("i", annotations={"pulumi.com/timeoutSeconds": "20"})
        k8s.networking.v1.Ingress("i", metadata=metadata, spec={"default_backend": backend}, opts=world.options())

    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    actor = later(lambda: world.patch_status("ingress", "i", address), lambda: world.exists("ingress", "i"))
    world.up(program)
    actor.join(5)


def claim(world: World, storage_class: str) -> None:
    spec: Any = {
        "access_modes": ["ReadWriteOnce"],
        "storage_class_name": storage_class,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = world.meta("c", annotations={"pulumi.com/timeoutSeconds": "3"})
    k8s.core.v1.PersistentVolumeClaim("c", metadata=metadata, spec=spec, opts=world.options())


def test_claim_of_a_late_binding_class_is_ready(world: World) -> None:
    name = f"{world.namespace}-late"
    late = {"provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"}
    manifest = json.dumps(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, **late}
    )
    world.kubectl("apply", "-f", "-", text=manifest)
    world.up(lambda: claim(world, name))
    world.stack.destroy(color="never")
    world.kubectl("delete", "storageclass", name)


def test_claim_that_is_not_bound_fails(world: World) -> None:
    assert "no volume is bound to it" in world.fails(lambda: claim(world, "none"))


def job(world: World) -> None:
    metadata = world.meta("j", annotations={"pulumi.com/timeoutSeconds": "30"})
    template: Any = {"spec": {**POD, "restart_policy": "Never"}}
    k8s.batch.v1.Job("j", metadata=metadata, spec={"template": template, "backoff_limit": 0}, opts=world.options())


def play_job_pods(world: World, phase: str) -> None:
    for name in world.kubectl("get", "pods", "-l", "job-name=j", "-o", "name").split():
        world.patch_status("pod", name.removeprefix("pod/"), {"phase": phase})


def test_job_is_awaited_until_complete(world: World) -> None:
    has_pods = lambda: bool(world.kubectl("get", "pods", "-l", "job-name=j", "-o", "name").strip())  # noqa: E731
    actor = later(lambda: play_job_pods(world, "Succeeded"), has_pods)
    world.up(lambda: job(world))
    actor.join(5)


def test_failed_job_fails_with_its_reason(world: World) -> None:
    has_pods = lambda: bool(world.kubectl("get", "pods", "-l", "job-name=j", "-o", "name").strip())  # noqa: E731
    actor = later(lambda: play_job_pods(world, "Failed"), has_pods)
    assert "BackoffLimitExceeded" in world.fails(lambda: job(world))
    actor.join(5)


def image() -> str:
    """An image with a shell that the real cluster can pull; without one, pods never run."""
    return os.environ.get(IMAGE_VARIABLE, "image")


def deployment(world: World, command: list[str], seconds: int = 60) -> Program:
    def program() -> None:
        # Without a probe a container that ends at once counts as ready for that moment.
        probe = {"exec_": {"command": ["true"]}, "initial_delay_seconds": 3}
        container = {"name": "c", "image": image(), "command": command, "readiness_probe": probe}
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
        metadata = world.meta("d", annotations={"pulumi.com/timeoutSeconds": str(seconds)})
        spec: Any = {"replicas": 1, "selector": {"match_labels": LABELS}, "template": template}
        k8s.apps.v1.Deployment("d", metadata=metadata, spec=spec, opts=world.options())

    return program


def test_deployment_that_is_not_rolled_out_names_its_pod(world: World) -> None:
    message = world.fails(deployment(world, ["true"], seconds=3))
    assert "0 available" in message
    assert f"Pod {world.namespace}/d-" in message


@pytest.mark.needs_kubelet
def test_deployment_is_awaited_until_available(world: World) -> None:
    world.up(deployment(world, ["sleep", "3600"]))
    assert world.object("deployment", "d")["status"]["availableReplicas"] == 1


@pytest.mark.needs_kubelet
def test_crashing_deployment_fails_with_the_last_log_lines(world: World) -> None:
    message = world.fails(deployment(world, ["sh", "-c", "echo the-last-words; exit 3"], seconds=25))
    assert "the-last-words" in message
    assert "exit code 3" in message


@pytest.mark.needs_kubelet
def test_an_image_that_is_not_there_fails_with_the_kubelets_reason(world: World) -> None:
    def program() -> None:
        metadata = world.meta("p", annotations={"pulumi.com/timeoutSeconds": "20"})
        absent = f"{image().partition('@')[0]}@sha256:{'0' * 64}"
        spec: Any = {"containers": [{"name": "c", "image": absent}]}
        k8s.core.v1.Pod("p", metadata=metadata, spec=spec, opts=world.options())

    message = world.fails(program)
    assert "ImagePull" in message, "the reason is ErrImagePull or ImagePullBackOff"
    assert "0" * 64 in message


@pytest.mark.needs_kubelet
def test_a_job_runs_to_its_end(world: World) -> None:
    def program() -> None:
        container = {"name": "c", "image": image(), "command": ["true"]}
        template = {"spec": {"restart_policy": "Never", "containers": [container]}}
        spec: Any = {"template": template}
        made = k8s.batch.v1.Job("j", metadata=world.meta("j"), spec=spec, opts=world.options())
        pulumi.export("succeeded", made.status.succeeded)

    assert world.up(program).outputs["succeeded"].value == 1


@pytest.mark.needs_kubelet
def test_a_stateful_set_is_awaited_pod_by_pod(world: World) -> None:
    def program() -> None:
        container = {"name": "c", "image": image(), "command": ["sleep", "3600"]}
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
        selector = {"match_labels": LABELS}
        spec: Any = {"service_name": "s", "replicas": 2, "selector": selector, "template": template}
        k8s.apps.v1.StatefulSet("s", metadata=world.meta("s"), spec=spec, opts=world.options())

    world.up(program)
    assert world.object("statefulset", "s")["status"]["readyReplicas"] == 2
