"""The dashboards for a Grafana. What they show is monitoring/dashboards'; vmui's files go with VictoriaMetrics itself.

They are there whether this stack has a Grafana or not: one that the cluster's owner brings finds them by the label that
its usual sidecar looks for. What a server of the stack's own must be told is made only where its image is to be had.
"""

import pulumi
import yaml
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.lib.labels import labels
from infra.observability import prometheus
from monitoring.dashboards.files import grafana_files
from monitoring.dashboards.grafana import data_sources, providers

NAME = "grafana-dashboards"
PROVISIONING = "grafana-provisioning"
FOLDER = "/var/lib/grafana/dashboards"
SIDECAR = {"grafana_dashboard": "1"}
"""Source: https://github.com/grafana/helm-charts/blob/main/charts/grafana/README.md#sidecar-for-dashboards"""


def grafana_dashboards(
    namespace: pulumi.Input[str], grafana: bool, opts: pulumi.ResourceOptions
) -> dict[str, v1.ConfigMap]:
    """The ConfigMaps by name.

    Args:
        namespace: where they are.
        grafana: whether the stack has a Grafana of its own: the capability of that name.
        opts: the parent and its provider.
    """
    wanted = {NAME: (grafana_files(), SIDECAR)}
    if grafana:
        wanted[PROVISIONING] = (provisioning_files(), {})
    return {
        name: v1.ConfigMap(
            name,
            metadata=ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "monitoring") | more),
            data=files,
            opts=opts,
        )
        for name, (files, more) in wanted.items()
    }


def provisioning_files() -> dict[str, str]:
    """What Grafana reads in /etc/grafana/provisioning: where Prometheus is, and where the dashboards lie."""
    files = {"datasources.yaml": data_sources(prometheus.URL), "providers.yaml": providers(FOLDER)}
    return {name: yaml.safe_dump(content, sort_keys=False) for name, content in files.items()}
