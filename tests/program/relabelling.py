"""Relabelling as Prometheus does it, so that the jobs' steps can be tried without one.

Source: https://prometheus.io/docs/prometheus/2.53/configuration/configuration/#relabel_config
"""

import re
from collections.abc import Iterable, Mapping

from monitoring.scraping.model import Action, Job, Step

Labels = dict[str, str]


def relabelled(labels: Mapping[str, str], steps: Iterable[Step]) -> Labels | None:
    """The labels after all steps; None when one of them leaves them out."""
    found = dict(labels)
    for step in steps:
        joined = ";".join(found.get(source, "") for source in step.sources)
        match = re.fullmatch(step.regex or "(.*)", joined, re.DOTALL)
        if step.action is Action.FORGET:
            found = {name: value for name, value in found.items() if not re.fullmatch(step.regex, name)}
        elif step.action is Action.REPLACE:
            found = _replaced(found, step, match)
        elif bool(match) is (step.action is Action.DROP):
            return None
    return found


def _replaced(labels: Labels, step: Step, match: "re.Match[str] | None") -> Labels:
    if match is None:
        return labels
    template = re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", step.replacement or "$1")
    value = match.expand(template)
    return {**labels, step.target: value} if value else {k: v for k, v in labels.items() if k != step.target}


def target(job: Job, discovered: Mapping[str, str]) -> Labels | None:
    """The labels of a target of the job, or None when it is none of the job's."""
    kept = relabelled({"job": job.name, **discovered}, job.targets)
    if kept is None:
        return None
    named = {"instance": kept["__address__"], **kept}
    return {name: value for name, value in named.items() if not name.startswith("__")}


def sample(job: Job, metric: str, /, **labels: str) -> Labels | None:
    """A sample of the job as it is stored, or None when it is left out."""
    return relabelled({"__name__": metric, "job": job.name, **labels}, job.samples)
