"""One service: a Helm release of charts/microservice."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v3 import Release, ReleaseArgs

CHART = Path(__file__).resolve().parents[2] / "charts" / "microservice"
RELEASE_SECONDS = 300
WATCHED = "/etc/watched"
"""Where the chart mounts `watchedFiles`."""
SCALED = {
    "autoscaling": {
        "minReplicas": 2,
        "maxReplicas": 4,
        "cpuPercent": 70,
        "requestsPerSecond": 20,
        "scaleDownSeconds": 60,
    },
    "resources": {"requests": {"cpu": "50m"}},
}
"""A service whose pods are as many as its load needs: the per cent are of the request; what asks for more pods wins."""


@dataclass(frozen=True)
class ServiceArgs:
    """What decides a service.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        values: what differs from the chart's defaults.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    values: Mapping[str, Any]


class Service(pulumi.ComponentResource):
    """A service of the suite, released and ready. A CronJob has no pod yet, so nothing of it is waited for.

    Its claim in particular is bound only when its first Job's pod is placed.
    """

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:shop:Service", name, {}, opts)
        Release(
            name,
            ReleaseArgs(
                name=name,
                namespace=args.namespace,
                chart=str(CHART),
                values={"image": args.image, "version": version("blueprint"), **args.values},
                timeout=RELEASE_SECONDS,
                skip_await="schedule" in args.values,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
