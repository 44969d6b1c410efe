"""Prometheus' configuration: what holds for all jobs, where alerts and samples go, then the jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.scraping.model import Job
from monitoring.scraping.monitors import ALERTMANAGER_HOST
from monitoring.scraping.rendering import commented, rendered_job

INTERVAL_SECONDS = 15
RULES = "/etc/prometheus/rules"
REMOTE_WRITE = "http://victoria-metrics.observability.svc.cluster.local:8428/api/v1/write"
LIMITS = {
    "label_limit": 40,
    "label_name_length_limit": 100,
    "label_value_length_limit": 512,
    "target_limit": 100,
    "keep_dropped_targets": 10,
}
"""For every job: labels of one sample, their lengths, targets of one job; and how many targets that no job wants are
remembered, since each job sees all pods and wants few.
"""


@dataclass(frozen=True)
class Setting:
    """What differs from cluster to cluster.

    Attributes:
        cluster: its name, which every sample and alert that leaves carries.
        jobs: what is scraped.
        rules: the folder of the rules' files.
    """

    cluster: str
    jobs: Sequence[Job]
    rules: str = RULES


def configuration(setting: Setting) -> str:
    """The file `prometheus.yml`, commented."""
    return commented(content(setting))


def content(setting: Setting) -> dict[str, Any]:
    """What the file says, with each comment under the key `#` of what it is about."""
    return {
        "global": {
            "scrape_interval": f"{INTERVAL_SECONDS}s",
            "evaluation_interval": f"{INTERVAL_SECONDS}s",
            **LIMITS,
            "external_labels": {
                "#": "Goes with all that leaves: a store may be that of several clusters.",
                "cluster": setting.cluster,
            },
        },
        "rule_files": [f"{setting.rules}/*.yaml"],
        "alerting": _alerting(),
        "remote_write": [_remote_write()],
        "scrape_configs": [rendered_job(job) for job in setting.jobs],
    }


def _alerting() -> dict[str, Any]:
    """Every Alertmanager gets every alert; they agree among themselves who tells."""
    found = {"names": [ALERTMANAGER_HOST], "type": "A", "port": 9093, "refresh_interval": "15s"}
    return {"alertmanagers": [{"timeout": "5s", "dns_sd_configs": [found]}]}


def _remote_write() -> dict[str, Any]:
    """All samples go to VictoriaMetrics too.

    They are read from the write-ahead log, so while it is away they wait there, for two hours at least. At its end
    Prometheus sends what waits (`--storage.remote.flush-deadline`); after a kill it does not come back to it.
    """
    return {
        "#": "The store beside: its own disk, a longer memory, and what Prometheus' pod does not take along.",
        "name": "victoria-metrics",
        "url": REMOTE_WRITE,
        "remote_timeout": "10s",
        "queue_config": {
            "#": "Small: one store, next door. What is not sent in a second is sent then.",
            "capacity": 5000,
            "max_samples_per_send": 2000,
            "max_shards": 2,
            "batch_send_deadline": "1s",
            "retry_on_http_429": True,
        },
    }
