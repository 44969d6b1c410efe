"""Chapter 2: controllers that keep a number of pods. The shop uses Deployments; these stand below or beside them."""

import pulumi
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs, ReplicaSet, ReplicaSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs

from infra.lab.exhibit import Room, container, idle, metadata, pod, template
from infra.lib.labels import selector

MARK = {"blueprint/exhibit": "daemon-set"}
"""The label of the nodes that get a pod of the DaemonSet: `kubectl label node <name> blueprint/exhibit=daemon-set`."""
TIER = "blueprint/tier"


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """One of each."""
    v1.ReplicationController(
        "replication-controller",
        metadata=metadata(room, "replication-controller", "C9"),
        spec=replication_controller(room.toolbox),
        opts=opts,
    )
    ReplicaSet(
        "replica-set", metadata=metadata(room, "replica-set", "C10 C7"), spec=replica_set(room.toolbox), opts=opts
    )
    DaemonSet(
        "daemon-set",
        metadata=metadata(room, "daemon-set", "C12", awaited=False),
        spec=daemon_set(room.toolbox),
        opts=opts,
    )


def replication_controller(image: pulumi.Input[str]) -> v1.ReplicationControllerSpecArgs:
    """The first of them all (2014). It keeps two pods, and selects by equality alone: a map of labels that must match.

    It has no rollout. What wants one today is a Deployment, which makes a ReplicaSet for each version of its pods.
    """
    name = "replication-controller"
    spec = pod([container(image, "idle", idle())])
    return v1.ReplicationControllerSpecArgs(replicas=2, selector=selector(name), template=template(name, spec))


def replica_set(image: pulumi.Input[str]) -> ReplicaSetSpecArgs:
    """Its successor selects by sets: a label's value is one of several or none of them, or the label is (not) there.

    A pod may change from `front` to `back` and stays; changed to anything else it is let go: it lives on without an
    owner, and another one takes its place.
    """
    name = "replica-set"
    return ReplicaSetSpecArgs(
        replicas=2,
        selector=LabelSelectorArgs(
            match_labels=selector(name),
            match_expressions=[
                LabelSelectorRequirementArgs(key=TIER, operator="In", values=["front", "back"]),
                LabelSelectorRequirementArgs(key="blueprint/retired", operator="DoesNotExist"),
            ],
        ),
        template=template(name, pod([container(image, "idle", idle())]), {TIER: "front"}),
    )


def daemon_set(image: pulumi.Input[str]) -> DaemonSetSpecArgs:
    """One pod on each node that carries the mark, now or later. At rest no node does, so it costs nothing.

    Without the node selector it would stand on every node, as the agents of networks, logs and metrics do.
    """
    name = "daemon-set"
    spec = pod([container(image, "idle", idle())], node_selector=MARK)
    return DaemonSetSpecArgs(selector=LabelSelectorArgs(match_labels=selector(name)), template=template(name, spec))
