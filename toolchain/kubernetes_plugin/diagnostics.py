"""Why pods are not well. Owns the words that a user reads after a failed wait: pod, reason, event, last log lines."""

import re
from typing import Any

from toolchain.kubernetes_plugin.client import segment
from toolchain.kubernetes_plugin.discovery import Cluster
from toolchain.kubernetes_plugin.errors import ApiError, PluginError

LOG_LINES = 10
_PODS_SHOWN = 3
_EVENTS_SHOWN = 3
_HARMLESS = ("ContainerCreating", "PodInitializing", "Completed")

Object = dict[str, Any]


def selector_text(selector: Object | None) -> str:
    """A LabelSelector as the query's text."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or []:
        key, operator, values = rule["key"], rule["operator"], ",".join(rule.get("values") or [])
        words = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append(words[operator])
    return ",".join(parts)


def container_problems(pod: Object) -> list[tuple[str, str, bool]]:
    """What is wrong with a pod's containers: (container, reason, whether it has logs)."""
    status = pod.get("status") or {}
    found = []
    for item in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state, last = item.get("state") or {}, (item.get("lastState") or {}).get("terminated")
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason") not in _HARMLESS:
            text = f"{waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
            found.append((item["name"], text + (f" (last {_ended(last)})" if last else ""), bool(last)))
        elif ended and ended.get("exitCode"):
            found.append((item["name"], _ended(ended), True))
        elif state.get("running") and not item.get("ready") and not item.get("started", True):
            found.append((item["name"], "running, its startup probe has not succeeded", True))
        elif state.get("running") and not item.get("ready"):
            found.append((item["name"], "running, but not ready", True))
    return found


def _ended(terminated: Object) -> str:
    reason = terminated.get("reason", "Error")
    detail = f": {terminated['message'].strip()}" if terminated.get("message") else ""
    return f"{reason}, exit code {terminated.get('exitCode')}{detail}"


def pod_problem(pod: Object) -> str:
    """A problem of the pod as a whole (not scheduled, evicted), empty where there is none."""
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"{condition.get('reason', 'Unscheduled')}: {condition.get('message', '')}".rstrip(": ")
    if status.get("phase") == "Failed":
        return f"{status.get('reason', 'Failed')}: {status.get('message', '')}".rstrip(": ")
    return ""


def pod_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


class Doctor:
    """Asks a cluster about objects that do not become ready."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def pods(self, namespace: str, selector: Object | None) -> list[Object]:
        """The pods that a LabelSelector chooses."""
        return self._cluster.select("v1", "Pod", namespace, labelSelector=selector_text(selector))

    def explain(self, namespace: str, selector: Object | None) -> list[str]:
        """The reasons of the first pods that are not well, each with its events and last log lines."""
        try:
            sick = [pod for pod in self.pods(namespace, selector) if not pod_ready(pod)]
        except (ApiError, PluginError) as error:
            return [f"the pods could not be listed: {error}"]
        return [reason for pod in sick[:_PODS_SHOWN] for reason in self.explain_pod(pod)]

    def explain_pod(self, pod: Object) -> list[str]:
        """The reasons of one pod."""
        namespace, name = pod["metadata"].get("namespace", "default"), pod["metadata"]["name"]
        reasons = [f"Pod {namespace}/{name}: {problem}"] if (problem := pod_problem(pod)) else []
        for container, problem, has_log in container_problems(pod):
            text = f"Pod {namespace}/{name}, container {container}: {problem}"
            reasons.append(text + (self._log_text(namespace, name, container) if has_log else ""))
        if not reasons:
            reasons.append(f"Pod {namespace}/{name}: {(pod.get('status') or {}).get('phase', 'Pending')}, not ready")
        return reasons + self.events(namespace, "Pod", name)

    def events(self, namespace: str, kind: str, name: str) -> list[str]:
        """The latest warnings that name the object."""
        fields = f"involvedObject.kind={kind},involvedObject.name={name},type=Warning"
        try:
            found = self._cluster.select("v1", "Event", namespace or "default", fieldSelector=fields)
        except (ApiError, PluginError) as error:
            return [f"the events of {kind} {name} could not be read: {error}"]
        found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        return [f"Event on {kind} {name}: {e.get('reason')}: {e.get('message')}" for e in found[-_EVENTS_SHOWN:]]

    def _log_text(self, namespace: str, pod: str, container: str) -> str:
        path = f"/api/v1/namespaces/{segment(namespace)}/pods/{segment(pod)}/log"
        for previous in ("false", "true"):
            try:
                text = self._cluster.client.get_text(
                    path, container=container, tailLines=str(LOG_LINES), previous=previous
                )
            except (ApiError, PluginError) as error:
                failure = str(error)
                continue
            if text.strip():
                lines = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip().splitlines()
                return "\n    last log lines:" + "".join(f"\n    | {line}" for line in lines)
            failure = ""
        return f"\n    (no log: {failure})" if failure else "\n    (it logged nothing)"
