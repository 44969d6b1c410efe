"""Jobs that look from outside: the blackbox exporter asks what files list, and says how it went.

Prometheus asks the exporter, not the target, so the address moves: the target becomes a parameter of the request and
the label `instance`, and the exporter's address takes its place. What is asked, and how, stands in monitoring/blackbox.
"""

import json

from monitoring import blackbox
from monitoring.scraping.model import Files, Job, Limits, forget, put

EXPORTER = "blackbox-exporter.observability.svc.cluster.local:9115"


def target_files(*, edge: bool) -> dict[str, str]:
    """The files of targets by their names, as Prometheus reads them: one group for each target.

    Args:
        edge: whether the edge routing is ours.
    """
    return {file_of(job.name): _file(blackbox.targets(job.name, edge=edge)) for job in JOBS}


def file_of(job: str) -> str:
    """The name of a job's file."""
    return f"{job}.json"


def _file(asked: list[blackbox.Target]) -> str:
    groups = [{"targets": [one.address], "labels": {"module": one.module, "service": one.service}} for one in asked]
    return json.dumps(groups, indent=2) + "\n"


def _job(name: str, why: str) -> Job:
    return Job(
        name,
        why,
        Files(file_of(name)),
        (
            put("What is asked becomes a parameter of the request.", "__param_target", "__address__"),
            put("And how it is asked, which the file says.", "__param_module", "module"),
            put("The series are about what is asked.", "instance", "__address__"),
            put("The exporter is where the request goes.", "__address__", replacement=EXPORTER),
        ),
        (forget("How it was asked goes with the job.", "module"),),
        path="/probe",
        limits=Limits(samples=100, megabytes=1),
    )


JOBS = (
    _job(
        blackbox.HTTP,
        "Visitors' ways by HTTP, through the gateway and to the issuer: does it answer, how fast, and how long is its"
        " certificate valid.",
    ),
    _job(blackbox.TCP, "Whether the stores take connections."),
    _job(blackbox.DNS, "Whether the cluster's name servers answer."),
)
