"""Chapter 7: where a pod is placed, and which one goes first when there is no room."""

from typing import Any

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from infra.lab.exhibit import CONCEPT, Room, container, deployment, idle, metadata, pod
from infra.lib.labels import labels, selector

HOST = "kubernetes.io/hostname"
LOW, PATIENT, HIGH = "lab-low", "lab-patient", "lab-high"
RESERVED = "blueprint/reserved"
"""The taint of a node that is kept for `tolerant`: `kubectl taint node <name> blueprint/reserved=lab:NoSchedule`."""


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """Three priorities, and five ways to say where a pod belongs."""
    priorities(opts)
    for name, awaited, spec in (
        ("leader", True, leader(room.toolbox)),
        ("follower", True, follower(room.toolbox)),
        ("apart", False, apart(room.toolbox)),
        ("even", False, even(room.toolbox)),
        ("tolerant", True, tolerant(room.toolbox)),
    ):
        Deployment(name, metadata=metadata(room, name, "D3", awaited=awaited), spec=spec, opts=opts)


def priorities(opts: pulumi.ResourceOptions) -> None:
    """Pods without a class have priority 0.

    When a pod of `lab-high` fits nowhere, the scheduler evicts what is lower and stands in its way. A pod of
    `lab-patient` is placed before lower ones but evicts none. One of `lab-low` gives way even to ordinary pods.
    """
    for name, value, policy, purpose in (
        (LOW, -1000, "PreemptLowerPriority", "The first to go when room is needed."),
        (PATIENT, 500, "Never", "Before ordinary pods in the queue, but waits until there is room."),
        (HIGH, 1000, "PreemptLowerPriority", "Makes room for itself: lower pods are evicted."),
    ):
        PriorityClass(
            name,
            metadata=ObjectMetaArgs(name=name, labels=labels(name, "exhibit"), annotations={CONCEPT: "D3"}),
            value=value,
            preemption_policy=policy,
            description=purpose,
            opts=opts,
        )


def leader(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Node affinity: only on nodes that run no control plane, and rather on one that has no GPU to waste."""
    affinity = v1.AffinityArgs(
        node_affinity=v1.NodeAffinityArgs(
            required_during_scheduling_ignored_during_execution=v1.NodeSelectorArgs(
                node_selector_terms=[_nodes_without("node-role.kubernetes.io/control-plane")]
            ),
            preferred_during_scheduling_ignored_during_execution=[
                v1.PreferredSchedulingTermArgs(weight=10, preference=_nodes_without("blueprint/gpu"))
            ],
        )
    )
    return deployment("leader", _idle(image, affinity=affinity))


def follower(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Pod affinity: on a node that runs a pod of `leader`, such as a cache beside the program that reads it."""
    beside = v1.PodAffinityArgs(required_during_scheduling_ignored_during_execution=[_same_host_as("leader")])
    return deployment("follower", _idle(image, affinity=v1.AffinityArgs(pod_affinity=beside)))


def apart(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Anti-affinity to its own kind: never two on one node, so one node's end takes one of them at most.

    A third replica on two nodes would wait. "Required" speaks of the moment of placing: nobody is moved later.
    """
    away = v1.PodAntiAffinityArgs(required_during_scheduling_ignored_during_execution=[_same_host_as("apart")])
    return deployment("apart", _idle(image, affinity=v1.AffinityArgs(pod_anti_affinity=away)), replicas=2)


def even(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Topology spread: as many on each node as on any other, give or take one.

    `Honor` leaves out nodes whose taints the pods do not tolerate. Without it the control plane counts as a node
    with none of them, for ever, and only one pod for each worker could be placed.
    """
    constraint = v1.TopologySpreadConstraintArgs(
        max_skew=1,
        topology_key=HOST,
        when_unsatisfiable="DoNotSchedule",
        node_taints_policy="Honor",
        label_selector=LabelSelectorArgs(match_labels=selector("even")),
    )
    return deployment("even", _idle(image, topology_spread_constraints=[constraint]), replicas=4)


def tolerant(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """A toleration: it may stand on a node that is reserved, where the taint keeps others away.

    It need not: what draws a pod to such a node is an affinity or a node selector beside the toleration.
    """
    toleration = v1.TolerationArgs(key=RESERVED, operator="Equal", value="lab", effect="NoSchedule")
    return deployment("tolerant", _idle(image, tolerations=[toleration]))


def _idle(image: pulumi.Input[str], **placement: Any) -> v1.PodSpecArgs:
    return pod([container(image, "idle", idle())], **placement)


def _nodes_without(label: str) -> Any:
    """Both a term of what is required and one of what is preferred."""
    requirement = v1.NodeSelectorRequirementArgs(key=label, operator="DoesNotExist")
    return v1.NodeSelectorTermArgs(match_expressions=[requirement])


def _same_host_as(name: str) -> v1.PodAffinityTermArgs:
    return v1.PodAffinityTermArgs(topology_key=HOST, label_selector=LabelSelectorArgs(match_labels=selector(name)))
