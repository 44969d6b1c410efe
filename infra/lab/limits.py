"""Chapter 5: what a namespace may use. A LimitRange speaks of each container, a ResourceQuota of all together."""

import pulumi
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import Room, metadata
from infra.lab.scheduling import LOW

LOWEST_PODS = "2"


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """One LimitRange and two quotas, on the lab itself."""
    v1.LimitRange("defaults", metadata=metadata(room, "defaults", "C8"), spec=defaults(), opts=opts)
    v1.ResourceQuota("whole-lab", metadata=metadata(room, "whole-lab", "C8"), spec=whole_lab(), opts=opts)
    v1.ResourceQuota("lowest", metadata=metadata(room, "lowest", "C8"), spec=lowest(), opts=opts)


def defaults() -> v1.LimitRangeSpecArgs:
    """What a container gets that states nothing, and the most that one may ask for.

    It is filled in when the pod is made, so it changes no pod that is there already.
    """
    return v1.LimitRangeSpecArgs(
        limits=[
            v1.LimitRangeItemArgs(
                type="Container",
                default_request={"cpu": "5m", "memory": "8Mi"},
                default={"memory": "64Mi"},
                max={"memory": "1Gi"},
            )
        ]
    )


def whole_lab() -> v1.ResourceQuotaSpecArgs:
    """All pods of the namespace together. Where requests count, a pod without them is refused: hence the defaults."""
    return v1.ResourceQuotaSpecArgs(hard={"pods": "60", "requests.cpu": "4", "requests.memory": "4Gi"})


def lowest() -> v1.ResourceQuotaSpecArgs:
    """A quota with a scope counts only some pods: here two of the lowest priority, whatever else there is."""
    return v1.ResourceQuotaSpecArgs(
        hard={"pods": LOWEST_PODS},
        scope_selector=v1.ScopeSelectorArgs(
            match_expressions=[
                v1.ScopedResourceSelectorRequirementArgs(scope_name="PriorityClass", operator="In", values=[LOW])
            ]
        ),
    )
