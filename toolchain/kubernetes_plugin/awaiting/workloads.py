"""Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController."""

from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings, condition, holds, observed


def deployment(live: Object, _: Surroundings) -> Look:
    """All replicas updated and available, no old one left, and the rollout's deadline not exceeded."""
    spec, status = live["spec"], live.get("status") or {}
    wanted, selector = spec.get("replicas", 1), spec.get("selector")
    progressing = condition(live, "Progressing")
    if observed(live) and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Look(failed=True, message=str(progressing.get("message")), selector=selector)
    if holds(live, "ReplicaFailure"):
        return Look(message=f"{condition(live, 'ReplicaFailure').get('message')}", selector=selector)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    total = status.get("replicas", 0)
    if observed(live) and spec.get("paused"):
        return Look(ready=True)
    ready = observed(live) and updated >= wanted and available >= wanted and total <= updated
    return Look(
        ready, message=f"{updated} of {wanted} updated, {available} available, {total} in all", selector=selector
    )


def stateful_set(live: Object, _: Surroundings) -> Look:
    """All replicas ready, and all beyond the partition of the current revision."""
    spec, status = live["spec"], live.get("status") or {}
    wanted, selector = spec.get("replicas", 1), spec.get("selector")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    if strategy.get("type") == "OnDelete":
        rolled = True
    elif partition:
        rolled = updated >= max(0, wanted - partition)
    else:
        rolled = updated >= wanted and status.get("currentRevision") == status.get("updateRevision")
    done = observed(live) and ready >= wanted and rolled
    return Look(done, message=f"{ready} of {wanted} ready, {updated} of the current revision", selector=selector)


def daemon_set(live: Object, _: Surroundings) -> Look:
    """A ready, current pod on every node that wants one."""
    status, spec = live.get("status") or {}, live["spec"]
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    updated = status.get("updatedNumberScheduled", 0)
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        updated = wanted
    done = observed(live) and ready >= wanted and updated >= wanted
    return Look(done, message=f"{ready} of {wanted} nodes ready, {updated} updated", selector=spec.get("selector"))


def replica_set(live: Object, _: Surroundings) -> Look:
    """All replicas available. A ReplicationController's selector is a plain map of labels."""
    spec, status = live["spec"], live.get("status") or {}
    wanted, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
    selector = spec.get("selector") or {}
    if live["kind"] == "ReplicationController":
        selector = {"matchLabels": selector}
    done = observed(live) and available >= wanted
    return Look(done, message=f"{available} of {wanted} available", selector=selector)
