"""Jobs that look from outside: the blackbox exporter asks what files list, and says how it went.

Prometheus asks the exporter, not the target, so the address moves: the target becomes a parameter of the request and
the label `instance`, and the exporter's address takes its place. What is asked, and how, stands in monitoring/blackbox.
"""

import json

from monitoring import blackbox
from monitoring.scraping.finding import SERVICE
from monitoring.scraping.model import Files, Job, Kubernetes, Limits, Step, forget, keep, put

EXPORTER = "blackbox-exporter.observability.svc.cluster.local:9115"


def target_files(*, edge: bool) -> dict[str, str]:
    """The files of targets by their names, as Prometheus reads them: one group for each target.

    Args:
        edge: whether the edge routing is ours.
    """
    return {file_of(job.name): _file(blackbox.targets(job.name, edge=edge)) for job in FROM_FILES}


def file_of(job: str) -> str:
    """The name of a job's file."""
    return f"{job}.json"


def _file(asked: list[blackbox.Target]) -> str:
    groups = [{"targets": [one.address], "labels": {"module": one.module, "service": one.service}} for one in asked]
    return json.dumps(groups, indent=2) + "\n"


def _asked(*how: Step) -> tuple[Step, ...]:
    """The steps that every probe shares, after those that choose the targets."""
    return (
        put("What is asked becomes a parameter of the request.", "__param_target", "__address__"),
        *how,
        put("The series are about what is asked.", "instance", "__address__"),
        put("The exporter is where the request goes.", "__address__", replacement=EXPORTER),
    )


LIMITS = Limits(samples=100, megabytes=1)


def _job(name: str, why: str) -> Job:
    return Job(
        name,
        why,
        Files(file_of(name)),
        _asked(put("And how it is asked, which the file says.", "__param_module", "module")),
        (forget("How it was asked goes with the job.", "module"),),
        path="/probe",
        limits=LIMITS,
    )


FROM_FILES = (
    _job(
        blackbox.HTTP,
        "Visitors' ways by HTTP, through the gateway and to the issuer: does it answer, how fast, and how long is its"
        " certificate valid.",
    ),
    _job(blackbox.TCP, "How long the certificates are valid that are shown, whoever signed them."),
    _job(blackbox.DNS, "Whether the cluster's name servers answer."),
)

STORES = Job(
    blackbox.STORES,
    "Whether the stores take connections. Their Services are found, one target a port, so a new one is asked as well.",
    Kubernetes("service"),
    (
        keep("Of all ports of all Services, the stores'.", ("__meta_kubernetes_namespace",), blackbox.STORES_NAMESPACE),
        *_asked(put("And how it is asked.", "__param_module", replacement=blackbox.STORES_MODULE)),
        SERVICE,
    ),
    path="/probe",
    limits=LIMITS,
)

JOBS = (*FROM_FILES, STORES)
