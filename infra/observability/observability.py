"""Observability, in the order in which its parts need each other: metrics, what they are made of, alerts, logs."""

from dataclasses import dataclass

import pulumi

from infra.cluster import Cluster
from infra.cluster.cluster import Capabilities
from infra.data import Data
from infra.foundation import Foundation
from infra.foundation.namespaces import NODE_AGENTS
from infra.image import Images
from infra.lib.authority import Authority
from infra.observability.alertmanager import Alertmanager, AlertmanagerArgs
from infra.observability.blackbox import blackbox_exporter
from infra.observability.dashboards import grafana_dashboards
from infra.observability.exporters import exporters
from infra.observability.kube_state_metrics import kube_state_metrics
from infra.observability.log_agent import log_agent
from infra.observability.mailbox import mailbox
from infra.observability.metrics_adapter import metrics_adapter
from infra.observability.node_exporter import node_exporter
from infra.observability.pager import pager
from infra.observability.prometheus import Prometheus, PrometheusArgs, rule_files
from infra.observability.pushgateway import pushgateway
from infra.observability.victoria_logs import victoria_logs
from infra.observability.victoria_metrics import VictoriaMetrics, VictoriaMetricsArgs
from monitoring.dashboards.files import vmui_files
from monitoring.scraping.model import Needs


@dataclass(frozen=True)
class ObservabilityArgs:
    """What is watched.

    Attributes:
        cluster: the cluster's name, which everything carries that leaves it.
        data: the stores, whose logins for figures the exporters have.
        authority: signs what is served by TLS.
    """

    cluster: str
    data: Data
    authority: Authority


class Observability(pulumi.ComponentResource):
    """What watches the rest. Nothing in the shop needs any of it, but for the autoscaler, which asks the adapter."""

    def __init__(
        self,
        cluster: Cluster,
        foundation: Foundation,
        images: Images,
        args: ObservabilityArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("blueprint:observability:Observability", "observability", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        space, agents = foundation.namespaces["observability"], foundation.namespaces[NODE_AGENTS]
        prometheus = Prometheus(
            "prometheus",
            PrometheusArgs(
                namespace=space,
                image=images.reference("prometheus"),
                toolbox=images.reference("toolbox"),
                cluster=args.cluster,
                has=what_it_has(cluster.capabilities),
                rules=rule_files(),
            ),
            child,
        )
        beside = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[prometheus]))
        VictoriaMetrics(
            "victoria-metrics", VictoriaMetricsArgs(space, images.reference("victoria-metrics"), vmui_files()), child
        )
        metrics_adapter(foundation.namespaces, images.reference("metrics-adapter"), args.authority, beside)

        kube_state_metrics(space, images.reference("kube-state-metrics"), child)
        node_exporter(agents, images.reference("node-exporter"), child)
        exporters(space, args.data, images, child)
        blackbox_exporter(space, images.reference("blackbox-exporter"), args.authority, child)
        pushgateway(space, images.reference("pushgateway"), child)

        Alertmanager("alertmanager", AlertmanagerArgs(space, images.reference("alertmanager")), beside)
        mailbox(space, images.reference("mailbox"), beside)
        pager(space, images.reference("pager"), beside)

        victoria_logs(space, images.reference("victoria-logs"), child)
        log_agent(agents, images.reference("log-agent"), child)

        grafana_dashboards(space, cluster.capabilities.grafana, child)
        self.register_outputs({})


def what_it_has(capabilities: Capabilities) -> tuple[Needs, ...]:
    """What the jobs of Prometheus may count on."""
    there = {Needs.OWN_NODES: capabilities.own_nodes, Needs.OWN_NETWORK: capabilities.own_network}
    return tuple(need for need, given in there.items() if given)
