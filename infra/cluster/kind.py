"""A kind cluster as a resource. What is done stands in `toolchain.kind`; this maps it to Pulumi."""

from collections.abc import Callable
from typing import Any

import pulumi
from pulumi import dynamic

from images import builder
from infra.cluster.cluster import Capabilities, kubernetes_provider
from infra.lib.authority import Authority
from infra.lib.forwarding import ForwardingProvider
from infra.settings import Settings
from toolchain import kind
from toolchain.control_plane import configuration, server

FILES = "control_plane_files"
"""The input that holds the control plane's files: name → text, and no secret among them."""


class KindResource(dynamic.Resource):
    """The nodes, their network and their registry."""

    kubeconfig: pulumi.Output[str]
    load_balancer_range: pulumi.Output[list[str]]
    registry: pulumi.Output[str]

    def __init__(
        self, name: str, spec: kind.Spec, files: pulumi.Output[dict[str, str]], opts: pulumi.ResourceOptions
    ) -> None:
        outputs = {"kubeconfig": None, "load_balancer_range": None, "registry": None}
        options = pulumi.ResourceOptions(
            additional_secret_outputs=["kubeconfig"],
            delete_before_replace=True,
            custom_timeouts=pulumi.CustomTimeouts(create="15m", update="10m", delete="5m"),
        )
        super().__init__(
            ForwardingProvider(__name__),
            name,
            {**kind.as_inputs(spec), FILES: files, **outputs},
            pulumi.ResourceOptions.merge(opts, options),
        )


class KindCluster(pulumi.ComponentResource):
    """One control plane and its workers as containers on this host."""

    kubeconfig: pulumi.Output[str]

    def __init__(self, settings: Settings, authority: Authority, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:cluster:KindCluster", settings.cluster, {}, opts)
        spec = cluster_spec(settings)
        files = authority.certificate.apply(configuration.files)
        nodes = KindResource(settings.cluster, spec, files, pulumi.ResourceOptions(parent=self))
        pulumi.runtime.register_resource_transform(gone_with(nodes))
        self.kubeconfig = nodes.kubeconfig
        self.provider = kubernetes_provider(self.kubeconfig, self, takes_over=True)
        self.capabilities = Capabilities(
            own_network=True, load_balancer=True, node_port_on_host=True, own_nodes=True, l7_policy=False, grafana=False
        )
        self.api_server_host = f"{settings.cluster}-control-plane"
        self.registry_push = nodes.registry.apply(lambda _: f"127.0.0.1:{settings.registry_port}")
        self.registry_pull = nodes.registry
        self.load_balancer_range = nodes.load_balancer_range
        self.gateway_url: pulumi.Output[str] | None = pulumi.Output.from_input(
            f"http://127.0.0.1:{settings.gateway_port}"
        )
        self.register_outputs({"kubeconfig": self.kubeconfig})


def gone_with(nodes: pulumi.Resource) -> Callable[[pulumi.ResourceTransformArgs], pulumi.ResourceTransformResult]:
    """Marks all that lives on the cluster as gone when the cluster goes, so that nothing is deleted one by one then."""

    def mark(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        if args.type_.startswith("kubernetes:"):
            args.opts.deleted_with = nodes
        return pulumi.ResourceTransformResult(args.props, args.opts)

    return mark


def cluster_spec(settings: Settings) -> kind.Spec:
    """The cluster that the settings ask for, with the images as they are to be now."""
    return kind.Spec(
        name=settings.cluster,
        workers=settings.workers,
        gateway_port=settings.gateway_port,
        registry_port=settings.registry_port,
        node_image=builder.reference("node"),
        registry_image=builder.reference("registry"),
    )


def create(props: dict[str, Any]) -> dynamic.CreateResult:
    """Makes the cluster."""
    spec = _spec(props)
    builder.ensure("node")
    builder.ensure("registry")
    kind.create(spec, props[FILES])
    return dynamic.CreateResult(id_=spec.name, outs=_outputs(spec, props[FILES]))


def diff(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    """Any change of the spec makes another cluster. Other files of the control plane change the one that is there."""
    old, new = kind.as_inputs(_spec(olds)), kind.as_inputs(_spec(news))
    changed = [key for key, value in new.items() if old[key] != value]
    told_otherwise = olds.get(FILES) != news[FILES]
    return dynamic.DiffResult(changes=bool(changed) or told_otherwise, replaces=changed, delete_before_replace=True)


def update(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
    """Brings other files of the control plane into force."""
    spec = _spec(news)
    server.update(spec.name, olds[FILES], news[FILES])
    return dynamic.UpdateResult(outs=_outputs(spec, news[FILES]))


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """Reads the cluster again; a cluster that is gone is gone from the state."""
    if kind.health(id_) is kind.Health.ABSENT:
        return dynamic.ReadResult("", {})
    return dynamic.ReadResult(id_, _outputs(_spec(props), props.get(FILES, {})))


def delete(id_: str, _props: dict[str, Any]) -> None:
    """Removes everything that `create` made."""
    kind.delete(id_)


def _spec(props: dict[str, Any]) -> kind.Spec:
    numbers = {key: int(props[key]) for key in ("workers", "gateway_port", "registry_port")}
    texts = {key: str(props[key]) for key in ("name", "node_image", "registry_image")}
    texts["control_plane"] = str(props.get("control_plane", ""))  # clusters of earlier versions do not say
    return kind.Spec(**texts, **numbers)  # type: ignore[arg-type]  # both maps hold exactly the fields


def _outputs(spec: kind.Spec, files: dict[str, str]) -> dict[str, object]:
    return {
        **kind.as_inputs(spec),
        FILES: files,
        "kubeconfig": kind.kubeconfig(spec.name),
        "load_balancer_range": list(kind.load_balancer_range(spec.name)),
        "registry": spec.registry,
    }
