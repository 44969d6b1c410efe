"""Pod and Job."""

from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings, condition, holds
from toolchain.kubernetes_plugin.diagnostics import container_problems, pod_problem, pod_ready


def pod(live: Object, _: Surroundings) -> Look:
    """Ready, or ended well; a pod that failed never becomes ready."""
    phase = (live.get("status") or {}).get("phase", "Pending")
    if phase == "Succeeded" or pod_ready(live):
        return Look(ready=True)
    problems = [f"container {name}: {problem}" for name, problem, _ in container_problems(live)]
    whole = pod_problem(live)
    message = "; ".join([*([whole] if whole else []), *problems]) or phase
    return Look(failed=phase == "Failed", message=message)


def job(live: Object, _: Surroundings) -> Look:
    """Complete; a job whose Failed condition is true never is. A suspended job counts as ready.

    SuccessCriteriaMet comes earlier, before the pods that succeeded are counted in the status.
    """
    status, selector = live.get("status") or {}, live["spec"].get("selector")
    if holds(live, "Complete") or live["spec"].get("suspend"):
        return Look(ready=True)
    if holds(live, "Failed") or holds(live, "FailureTarget"):
        failed = condition(live, "Failed") or condition(live, "FailureTarget")
        return Look(failed=True, message=f"{failed.get('reason')}: {failed.get('message')}", selector=selector)
    wanted = live["spec"].get("completions", 1)
    counts = f"{status.get('succeeded', 0)} of {wanted} succeeded, {status.get('active', 0)} active"
    return Look(message=f"{counts}, {status.get('failed', 0)} failed", selector=selector)
