"""The small programs of observability as the recording engine sees them, on a cluster that has the stores alone."""

import pulumi
import pytest

from infra.cluster import create_cluster
from infra.data import Data
from infra.foundation import Foundation
from infra.image import Images
from infra.lib.authority import Authority
from infra.observability.blackbox import blackbox_exporter
from infra.observability.exporters import exporters
from infra.observability.metrics_adapter import metrics_adapter
from infra.observability.pushgateway import pushgateway
from infra.settings import from_pulumi
from tests.program import recording
from tests.program.conftest import KIND
from tests.program.recording import Object, Recorded, record

NAMESPACES = {space: space for space in ("edge", "shop", "observability")}


def programs_alone() -> None:
    """A program with the stores, their exporters, the blackbox exporter, the Pushgateway and the metrics adapter."""
    settings = from_pulumi(pulumi.runtime.config.CONFIG.get(), "test")
    authority = Authority("authority")
    cluster = create_cluster(settings, authority)
    images = Images(cluster)
    foundation = Foundation(cluster, images)
    data = Data(cluster, foundation, images)
    opts = pulumi.ResourceOptions(provider=cluster.provider)
    namespaces = pulumi.Output.from_input(NAMESPACES)
    space = namespaces["observability"]
    exporters(space, data, images, opts)
    blackbox_exporter(space, images.reference("blackbox-exporter"), authority, opts)
    pushgateway(space, images.reference("pushgateway"), opts)
    metrics_adapter(namespaces, images.reference("metrics-adapter"), authority, opts)


def recorded(tmp: pytest.TempPathFactory) -> Recorded:
    """What that program asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_program", programs_alone)
        return record(tmp.mktemp("chart"), KIND)


def container(found: Recorded, name: str) -> Object:
    """The one container of a program."""
    (one,) = found.pod_specs()[name]["containers"]
    return dict(one)


def environment(found: Recorded, name: str) -> dict[str, str]:
    """The variables of a program."""
    return {one["name"]: one["value"] for one in container(found, name).get("env", [])}
