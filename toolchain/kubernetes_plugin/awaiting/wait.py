"""The waits themselves: look, pause, look again, until ready, failed, cancelled or out of time."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from toolchain.kubernetes_plugin import metadata
from toolchain.kubernetes_plugin.awaiting import generic, network, pods, storage, workloads
from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings
from toolchain.kubernetes_plugin.diagnostics import Doctor
from toolchain.kubernetes_plugin.discovery import Cluster
from toolchain.kubernetes_plugin.errors import ApiError, AwaitError, PluginError

DEFAULT_SECONDS = 600.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0

Check = Callable[[Object, Surroundings], Look]
_CHECKS: dict[tuple[str, str], Check] = {
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("", "ReplicationController"): workloads.replica_set,
    ("", "Pod"): pods.pod,
    ("batch", "Job"): pods.job,
    ("", "Service"): network.service,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "PersistentVolume"): storage.volume,
    ("", "Namespace"): generic.namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): generic.definition,
}
# The kinds for which the real plugin waits longer or shorter than ten minutes by default.
_SECONDS = {"Deployment": 600.0, "Job": 600.0, "PersistentVolumeClaim": 300.0, "PersistentVolume": 300.0, "Pod": 300.0}


@dataclass
class Wait:
    """What all waits of one resource need."""

    cluster: Cluster
    cancelled: threading.Event
    status: Callable[[str], None]
    timeout: float  # seconds from the resource's customTimeouts; 0 means none was given

    def seconds(self, object_: Object) -> float:
        """How long to wait: customTimeouts, else the annotation, else the kind's default."""
        text = metadata.annotation(object_, metadata.TIMEOUT_SECONDS)
        try:
            annotated = float(text) if text else 0.0
        except ValueError as error:
            raise PluginError(
                f"{metadata.TIMEOUT_SECONDS}: {text!r}", "it is a number of seconds", "correct it"
            ) from error
        return self.timeout or annotated or _SECONDS.get(object_["kind"], DEFAULT_SECONDS)


def check_for(object_: Object) -> Check | None:
    """What readiness means for the object, None where it is ready once it exists."""
    if text := metadata.annotation(object_, metadata.WAIT_FOR):
        expressions = generic.parse_wait_for(text)
        return lambda live, _: generic.wait_for(live, expressions)
    group = object_["apiVersion"].rpartition("/")[0]
    return _CHECKS.get((group, object_["kind"]))


def await_ready(object_: Object, wait: Wait) -> Object:
    """Waits until the object is ready, and returns it as it is then.

    Raises:
        AwaitError: it failed, disappeared, or was not ready in time; it carries the last live state and the reasons.
    """
    check = check_for(object_)
    if check is None or metadata.annotated_true(object_, metadata.SKIP_AWAIT):
        return object_
    around = Surroundings(wait.cluster, Doctor(wait.cluster))
    live, path, pause = object_, wait.cluster.path_of(object_), _FIRST_PAUSE
    seconds = wait.seconds(object_)
    deadline = time.monotonic() + seconds
    while True:
        look = check(live, around)
        if look.ready:
            return live
        wait.status(look.message)
        if look.failed:
            raise _failure(live, look, around, "failed")
        if time.monotonic() > deadline:
            raise _failure(live, look, around, f"was not ready after {seconds:.0f} s")
        if wait.cancelled.wait(pause):
            raise AwaitError(f"{_title(live)}: the wait was cancelled", live, [look.message])
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        live = _look_again(path, live, wait)


def _look_again(path: str, last: Object, wait: Wait) -> Object:
    try:
        return wait.cluster.client.get(path)
    except ApiError as error:
        if error.not_found:
            raise AwaitError(f"{_title(last)} was deleted while it was waited for", last, []) from error
        raise


def _title(object_: Object) -> str:
    return f"{object_['kind']} {metadata.identifier(object_)}"


def _failure(live: Object, look: Look, around: Surroundings, how: str) -> AwaitError:
    namespace, name = metadata.namespace_of(live), metadata.name_of(live)
    reasons = [look.message] if look.message else []
    if live["kind"] == "Pod":
        reasons += around.doctor.explain_pod(live)
    else:
        reasons += around.doctor.events(namespace, live["kind"], name)
        if look.selector:
            reasons += around.doctor.explain(namespace, look.selector)
    return AwaitError(f"{_title(live)} {how}", live, reasons)


def await_gone(path: str, uid: str, wait: Wait, seconds: float) -> None:
    """Waits until the object of this uid is gone.

    Raises:
        PluginError: it is still there when the time is over; the message names its finalizers.
    """
    deadline, pause = time.monotonic() + seconds, 0.05
    while True:
        try:
            live = wait.cluster.client.get(path)
        except ApiError as error:
            if error.not_found:
                return
            raise
        if live["metadata"].get("uid") != uid:
            return
        finalizers = ", ".join(live["metadata"].get("finalizers") or []) or "none"
        wait.status(f"being deleted (finalizers: {finalizers})")
        if time.monotonic() > deadline:
            raise PluginError(
                f"{_title(live)} still exists {seconds:.0f} s after it was deleted (finalizers: {finalizers})",
                "a deletion is over when the object is gone",
                "find what holds it back, such as a controller that no longer runs, then run the update again",
            )
        if wait.cancelled.wait(pause):
            raise PluginError(f"{_title(live)}: the wait for its deletion was cancelled")
        pause = min(pause * 1.5, _LONGEST_PAUSE)
