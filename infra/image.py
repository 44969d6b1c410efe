"""One image as a resource. Its identity is the hash of all its inputs, so nothing happens while they stay the same."""

from typing import Any

import pulumi
from pulumi import dynamic

from images import builder
from infra.cluster import Cluster
from infra.lib.forwarding import ForwardingProvider


class Image(dynamic.Resource):
    """An image in the stack's registry."""

    digest: pulumi.Output[str]

    def __init__(
        self, name: str, registry: pulumi.Input[str], kubeconfig: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {
            "name": name,
            "input_hash": builder.input_hash(name),
            "registry": registry,
            "cluster": fingerprint(kubeconfig),
            "digest": None,
        }
        super().__init__(ForwardingProvider(__name__), name, inputs, opts)


class Images(pulumi.ComponentResource):
    """Every image that the manifests name."""

    def __init__(self, cluster: Cluster, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:images:Images", "images", {}, opts)
        self._cluster = cluster
        self._made: dict[str, Image] = {}

    def reference(self, name: str) -> pulumi.Output[str]:
        """The image's full reference by digest. The first call makes the resource."""
        if name not in self._made:
            child = pulumi.ResourceOptions(parent=self)
            self._made[name] = Image(name, self._cluster.registry_push, self._cluster.kubeconfig, child)
        return self._full(name)

    def references(self) -> dict[str, pulumi.Output[str]]:
        """The references of all images made so far, by name."""
        return {name: self._full(name) for name in sorted(self._made)}

    def lanes(self) -> dict[str, str]:
        """Which lane each image took. There is one so far: every image is built here, from its recipe."""
        return dict.fromkeys(sorted(self._made), "source")

    def _full(self, name: str) -> pulumi.Output[str]:
        return pulumi.Output.concat(self._cluster.registry_pull, f"/{name}@", self._made[name].digest)


def fingerprint(kubeconfig: pulumi.Input[str]) -> pulumi.Output[str]:
    """Which cluster this is: a new cluster has a new, empty registry."""
    return pulumi.Output.unsecret(pulumi.Output.from_input(kubeconfig).apply(_fingerprint))


def _fingerprint(text: str) -> str:
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def create(props: dict[str, Any]) -> dynamic.CreateResult:
    """Builds the image if it is not built yet, and pushes it."""
    return dynamic.CreateResult(id_=str(props["name"]), outs=_pushed(props))


def diff(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    """Changes when the inputs' hash, the registry or the cluster does; always in place."""
    keys = ("input_hash", "registry", "cluster")
    return dynamic.DiffResult(changes=any(olds.get(key) != news.get(key) for key in keys))


def update(_id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
    """Builds and pushes again."""
    return dynamic.UpdateResult(outs=_pushed(news))


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """Images are content-addressed: what was pushed under a digest stays what it is."""
    return dynamic.ReadResult(id_, props)


def delete(_id: str, _props: dict[str, Any]) -> None:
    """The registry goes with the cluster; a registry of the user's keeps its images."""


def _pushed(props: dict[str, Any]) -> dict[str, Any]:
    builder.ensure(props["name"])
    return {**props, "digest": builder.push(props["name"], props["registry"])}
