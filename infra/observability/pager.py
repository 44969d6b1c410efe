"""The pager: where alerts of severity `page` arrive by Alertmanager's webhook, and are kept."""

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet

from infra.observability.receivers import Receiver, receiver

FOLDER = "/var/lib/pager"
PAGER = Receiver(
    name="pager",
    ports={"http": 8080, "metrics": 9100},
    service_ports={"http": 80, "metrics": 9100},
    folder=FOLDER,
    storage="64Mi",
    settings={
        "PAGES_FOLDER": FOLDER,
        "PAGES_KEPT": "1000",
        "PAGES_KEPT_BYTES": "8388608",  # an eighth of the claim
    },
)


def pager(namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> StatefulSet:
    """The pager, ready: `http://pager.<namespace>/alerts`, and `/api/pages` to read what came."""
    return receiver(PAGER, namespace, image, opts)
