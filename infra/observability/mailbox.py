"""The mailbox: where mails about alerts arrive, a real SMTP server that keeps them. Nothing leaves the cluster."""

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet

from infra.observability.receivers import Receiver, receiver

FOLDER = "/var/lib/mailbox"
DOMAIN = "blueprint.test"
"""Of all addresses that it takes mail for. `.test` is nobody's: RFC 2606, section 2."""
SMTP_PORT = 2525
"""Below 1024 a program without privileges may not listen; the Service has the port that clients expect."""
MAILBOX = Receiver(
    name="mailbox",
    ports={"http": 8080, "smtp": SMTP_PORT, "metrics": 9100},
    service_ports={"http": 80, "smtp": 25, "metrics": 9100},
    folder=FOLDER,
    storage="128Mi",
    settings={
        "SMTP_PORT": str(SMTP_PORT),
        "MAIL_DOMAIN": DOMAIN,
        "MAILS_FOLDER": FOLDER,
        "MAILS_KEPT": "1000",
        "MAILS_KEPT_BYTES": "33554432",  # a quarter of the claim
    },
)


def mailbox(namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> StatefulSet:
    """The mailbox, ready: `mailbox.<namespace>:25`, and `http://mailbox.<namespace>/api/mails` to read them."""
    return receiver(MAILBOX, namespace, image, opts)
