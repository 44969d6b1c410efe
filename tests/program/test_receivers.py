"""The mailbox and the pager: where Alertmanager finds them, what they are told, and what bounds their disk."""

from urllib.parse import urlsplit

import pytest

from infra.observability.mailbox import DOMAIN, MAILBOX
from infra.observability.pager import PAGER
from infra.observability.receivers import STOP_SECONDS, Receiver
from monitoring.alerting import alerting
from tests.program.recording import Object, Recorded, digest
from tests.program.service_settings import SERVICES, settings

SET = "kubernetes:apps/v1:StatefulSet"
SERVICE = "kubernetes:core/v1:Service"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def found(kind_stack: Recorded) -> Recorded:
    """The stack on a cluster of kind."""
    return kind_stack


@pytest.fixture(params=[MAILBOX, PAGER], ids=["mailbox", "pager"])
def kind(request: pytest.FixtureRequest) -> Receiver:
    """Each of them."""
    one: Receiver = request.param
    return one


@pytest.fixture
def pod(found: Recorded, kind: Receiver) -> Object:
    """Its pod."""
    return found.pod_specs()[kind.name]


@pytest.fixture
def container(pod: Object) -> Object:
    """Its container."""
    (one,) = pod["containers"]
    return dict(one)


def environment(container: Object) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def test_each_is_found_under_its_name_by_the_ports_of_the_contract(found: Recorded, kind: Receiver) -> None:
    service = found.one(SERVICE, kind.name).inputs
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == (kind.name, "observability")
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": kind.name}
    ports = {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}
    smtp = {25: "smtp"} if kind is MAILBOX else {}
    assert ports == {80: "http", 9100: "metrics", **smtp}
    assert "clusterIP" not in service["spec"], "a headless Service would leave the ports as the container has them"


def test_ports_are_those_that_the_program_opens(container: Object, kind: Receiver) -> None:
    smtp = {"smtp": 2525} if kind is MAILBOX else {}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8080, "metrics": 9100, **smtp}
    assert environment(container).get("SMTP_PORT") == ("2525" if kind is MAILBOX else None)


def test_alertmanager_is_told_these_addresses() -> None:
    """Contract: `mailbox.observability:25` and `http://pager.observability/alerts`, which is a route of the pager's."""
    smtp = MAILBOX.service_ports["smtp"]
    assert (MAILBOX.name, smtp) == ("mailbox", int(alerting.MAILBOX.removeprefix("mailbox.observability:")))
    url = urlsplit(alerting.PAGER)
    assert (url.netloc, url.path) == (f"{PAGER.name}.observability", "/alerts")
    assert '@router.post("/alerts")' in (SERVICES / "pager" / "app" / "routes.py").read_text()


def test_every_setting_is_one_that_the_service_knows(container: Object, kind: Receiver) -> None:
    known = settings(kind.name)
    assert environment(container).keys() <= known.keys()
    assert {name for name, must in known.items() if must} <= environment(container).keys() | {"SERVICE_NAME"}


def test_the_folder_is_on_a_claim_that_holds_far_more_than_is_kept(
    found: Recorded, container: Object, kind: Receiver
) -> None:
    """Bounds, not the claim, keep the disk from filling: the kind of claim that the stack has knows no size."""
    (claim,) = found.one(SET, kind.name).inputs["spec"]["volumeClaimTemplates"]
    (mount,) = container["volumeMounts"]
    assert (claim["metadata"]["name"], mount["name"]) == ("data", "data")
    told = environment(container)
    assert mount["mountPath"] == next(value for name, value in told.items() if name.endswith("_FOLDER"))
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Mi")) * MEBIBYTE
    kept = int(next(value for name, value in told.items() if name.endswith("_KEPT_BYTES")))
    assert 4 * kept <= size


def test_never_do_two_have_one_folder(found: Recorded, kind: Receiver) -> None:
    """Ids grow because one process gives them. A StatefulSet ends the old pod before it makes the new one."""
    spec = found.one(SET, kind.name).inputs["spec"]
    assert spec["replicas"] == 1
    assert "updateStrategy" not in spec


def test_a_pod_has_longer_to_stop_than_its_service_takes(pod: Object, container: Object) -> None:
    told = environment(container)
    of_the_session = 5
    service = int(told["DRAIN_SECONDS"]) + int(told["SHUTDOWN_SECONDS"]) + of_the_session
    assert service < pod["terminationGracePeriodSeconds"] == STOP_SECONDS


def test_each_runs_its_own_image_restricted_and_small(pod: Object, container: Object, kind: Receiver) -> None:
    assert container["image"].endswith(f"/{kind.name}@{digest(kind.name)}")
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    security = pod["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"], security["fsGroup"]) == (True, 65532, 65532)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"] == {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "160Mi"}}


def test_probes_ask_the_paths_of_the_kit(container: Object) -> None:
    asked = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: (one["path"], one["port"]) for name, one in asked.items()} == {
        "startup": ("/startupz", "http"),
        "readiness": ("/readyz", "http"),
        "liveness": ("/livez", "http"),
    }


def test_labels_are_those_that_admission_asks_for(found: Recorded, kind: Receiver) -> None:
    made = found.one(SET, kind.name).inputs
    pods = made["spec"]["template"]["metadata"]["labels"]
    assert (pods["app.kubernetes.io/name"], pods["app.kubernetes.io/part-of"]) == (kind.name, "blueprint")
    assert made["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": kind.name}


def test_mail_is_taken_for_the_domain_of_every_address_that_is_told() -> None:
    """A mail for another would be refused for good."""
    addresses = {mail for route in alerting.ROUTES for mail in route.receiver.mails}
    assert addresses
    assert {address.rpartition("@")[2] for address in addresses} == {DOMAIN}
