"""Faults, each a context: within it the cause is there, after it it is gone. None touches what another one needs."""

import base64
import json
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from infra.edge.routes import API, GATEWAY_CERTIFICATE, SHOP
from tests.cluster.certificates import ends_soon
from tests.cluster.kube import Kube
from tests.cluster.lab import worker_names
from tests.cluster.nodes import docker
from tests.cluster.pods import toolbox_pod
from tests.cluster.pushgateway import pushgateway
from tests.cluster.shop import PYTHON, query
from tests.cluster.test_messages import event, publish
from toolchain import programs

LASTS_SECONDS = 230
"""How long a fault goes on by itself at most: longer than its alert may take, so that a test that dies leaves none."""
FULL = "/mnt/filling"
WAITING = 150
EXPLODING, EXPLODING_SERIES = "exploding", 600
"""The metric of the explosion of labels, and how many series it has: more than the Pushgateway's job may."""
_ASK = """
import sys, time, urllib.error, urllib.request
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    try:
        urllib.request.urlopen('http://127.0.0.1:8080' + sys.argv[1], timeout=5).read()
    except (urllib.error.URLError, TimeoutError):
        pass
    time.sleep(0.2)
"""
_NEW_CONSUMER = """
import asyncio, sys
import nats
from nats.js.api import AckPolicy, ConsumerConfig

async def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    login = {'user': 'streams', 'password': sys.stdin.read().strip(), 'inbox_prefix': '_INBOX.streams'}
    client = await nats.connect('nats://nats.data:4222', connect_timeout=10, **login)
    await client.jetstream(timeout=10).add_consumer('ORDERS', ConsumerConfig(
        durable_name=name, ack_policy=AckPolicy.EXPLICIT, inactive_threshold=seconds, filter_subject='orders.tested'))
    await client.close()

asyncio.run(main())
"""
Cause = Callable[[Kube], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """What is done, and which alert must follow."""

    alert: str
    labels: dict[str, str]
    cause: Cause

    @property
    def group(self) -> tuple[str, str]:
        """What it is told as."""
        return self.alert, self.labels.get("namespace", "")


def service_down(kube: Kube) -> AbstractContextManager[None]:
    """Somebody scales the payments to nothing."""
    return scaled_to_nothing(kube, "deployment/payments", "shop")


@contextmanager
def scaled_to_nothing(kube: Kube, workload: str, namespace: str = "observability") -> Iterator[None]:
    """A workload without a pod."""
    place = (workload, "--namespace", namespace)
    before = kube.get(*place)["spec"]["replicas"]
    kube.run("scale", *place, "--replicas=0")
    try:
        yield
    finally:
        kube.run("scale", *place, f"--replicas={before}")


@contextmanager
def error_rate(kube: Kube) -> Iterator[None]:
    """The inventory may no longer read its stock: every read of it is an error, and it is as ready as before."""
    with _asked(kube, "inventory", "/inventory"):
        query(kube, "inventory", "REVOKE SELECT ON stock FROM inventory")
        try:
            yield
        finally:
            query(kube, "inventory", "GRANT SELECT ON stock TO inventory")


@contextmanager
def latency(kube: Kube) -> Iterator[None]:
    """Somebody's transactions lock the orders' table for most of each second."""
    name = f"fault-{uuid.uuid4().hex[:8]}"
    lock = "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(0.9); COMMIT; SELECT pg_sleep(0.1);\n"
    client = ["exec", "--stdin", "--namespace", "data", "postgres-0", "--", "env", f"PGAPPNAME={name}"]
    command = [*client, "psql", "--quiet", "--username=postgres", "--dbname=orders"]
    with _running(kube, *command, stdin=lock * LASTS_SECONDS), _asked(kube, "orders", f"/orders/{uuid.uuid4()}"):
        try:
            yield
        finally:
            ends = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'"  # noqa: S608
            query(kube, "orders", ends)


@contextmanager
def crash_loop(kube: Kube) -> Iterator[None]:
    """A pod whose program ends at once."""
    image = kube.get("deployment/echo", "--namespace", "lab")["spec"]["template"]["spec"]["containers"][0]["image"]
    pod = toolbox_pod(CRASHING, image, ["false"])
    kube.apply({**pod, "metadata": {**pod["metadata"], "namespace": "shop"}})
    try:
        yield
    finally:
        kube.run("delete", "pod", CRASHING, "--namespace", "shop", "--wait=false")


@contextmanager
def disk_filling(kube: Kube) -> Iterator[None]:
    """A small disk of a worker, all but full."""
    node = worker_names(kube)[0]
    fill = f"mkdir -p {FULL} && mount -t tmpfs -o size=16m disk {FULL} && head -c 15900k /dev/zero > {FULL}/file"
    docker("exec", node, "sh", "-c", fill)
    try:
        yield
    finally:
        docker("exec", node, "sh", "-c", f"umount {FULL} && rmdir {FULL}")


@contextmanager
def broker_lag(kube: Kube) -> Iterator[None]:
    """A consumer that nobody serves. Nobody may remove one, so it is made to vanish when nobody has asked for it."""
    encoded = kube.get("secret/streams-nats", "--namespace", "data")["data"]["password"]
    program = ["exec", "--stdin", "--namespace", "shop", "deployment/orders", "--", PYTHON, "-c", _NEW_CONSUMER]
    kube.run(*program, LAGGING, str(LASTS_SECONDS), stdin=base64.b64decode(encoded).decode())
    kind = "orders.tested"
    publish(kube, *((kind, event(str(uuid.uuid4()), kind), str(uuid.uuid4())) for _ in range(WAITING)))
    yield


@contextmanager
def queue_stuck(kube: Kube) -> Iterator[None]:
    """An event in the outbox, five minutes old, that the broker never takes: no login may publish to its subject."""
    identity = uuid.uuid4()
    done = query(
        kube,
        "orders",
        "INSERT INTO outbox (id, order_id, type, at, data)"  # noqa: S608 - a UUID
        f" SELECT '{identity}', id, 'tests.refused', now() - interval '5 minutes', '{{}}' FROM orders LIMIT 1",
    )
    assert done == ["INSERT 0 1"], "there must have been an order before"
    try:
        yield
    finally:
        query(kube, "orders", f"DELETE FROM outbox WHERE id = '{identity}'")  # noqa: S608 - the same


@contextmanager
def certificate_expiring(kube: Kube) -> Iterator[None]:
    """The edge shows a certificate that ends tomorrow."""
    secret = (f"secret/{GATEWAY_CERTIFICATE}", "--namespace", "edge")
    before = kube.get(*secret)["data"]
    certificate, key = ends_soon([SHOP, API])
    _put(kube, secret, {"tls.crt": certificate, "tls.key": key})
    try:
        yield
    finally:
        kube.run("patch", *secret, "--type=merge", "--patch", json.dumps({"data": before}))


@contextmanager
def target_missing(kube: Kube) -> Iterator[None]:
    """A policy keeps Prometheus from one exporter, which works as before."""
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "fault-target", "namespace": "observability"},
        "spec": {
            "endpointSelector": {"matchLabels": {"app.kubernetes.io/name": "postgres-exporter"}},
            "ingressDeny": [{"fromEndpoints": [{"matchLabels": {"app.kubernetes.io/name": "prometheus"}}]}],
        },
    }
    kube.apply(policy)
    try:
        yield
    finally:
        kube.run("delete", "ciliumnetworkpolicy", "fault-target", "--namespace", "observability")


@contextmanager
def label_explosion(kube: Kube) -> Iterator[None]:
    """More series are pushed under the name of one who may push than its job may have."""
    group = "/metrics/job/report/trial/exploding"
    series = "".join(f'{EXPLODING}{{id="{number}"}} 1\n' for number in range(EXPLODING_SERIES))
    with pushgateway(kube) as http:
        http.put(group, content=series).raise_for_status()
        try:
            yield
        finally:
            http.delete(group).raise_for_status()


@contextmanager
def kubelet_stopped(node: str) -> Iterator[None]:
    """A node that is heard of no more; what runs on it runs on."""
    docker("exec", node, "systemctl", "stop", "kubelet")
    try:
        yield
    finally:
        docker("exec", node, "systemctl", "start", "kubelet")


@contextmanager
def _asked(kube: Kube, service: str, path: str) -> Iterator[None]:
    """The service is asked several times a second, from inside its own pod: the gateway sees nothing of it."""
    program = ["exec", "--namespace", "shop", f"deployment/{service}", "--", PYTHON, "-c", _ASK]
    with _running(kube, *program, path, str(LASTS_SECONDS)):
        yield


@contextmanager
def _running(kube: Kube, *arguments: str, stdin: str = "") -> Iterator[None]:
    """kubectl at work beside the test. What it began in a pod ends by itself: it was told how long it lasts."""
    command = [str(programs.ensure("kubectl")), "--kubeconfig", kube.kubeconfig, *arguments]
    with tempfile.TemporaryFile("w+") as given:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _put(kube: Kube, secret: tuple[str, ...], data: dict[str, bytes]) -> None:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    kube.run("patch", *secret, "--type=merge", "--patch", json.dumps({"data": encoded}))


CRASHING, LAGGING = "crashing", f"lagging-{uuid.uuid4().hex[:6]}"
SIDE_BY_SIDE = (
    Fault("ServiceDown", {"namespace": "shop", "service": "payments"}, service_down),
    Fault("HighErrorRate", {"namespace": "shop", "service": "inventory"}, error_rate),
    Fault("HighLatency", {"namespace": "shop", "service": "orders"}, latency),
    Fault("PodCrashLooping", {"namespace": "shop", "pod": CRASHING}, crash_loop),
    Fault("DiskFilling", {"mountpoint": FULL, "severity": "page"}, disk_filling),
    Fault("BrokerLag", {"namespace": "data", "consumer_name": LAGGING}, broker_lag),
    Fault("QueueStuck", {"namespace": "shop", "service": "orders"}, queue_stuck),
    Fault("CertificateExpiring", {"instance": "envoy.edge:443", "severity": "page"}, certificate_expiring),
    Fault("TargetMissing", {"namespace": "observability", "job": "postgres"}, target_missing),
)
"""Nine that are independent. NodeDown is not: everything on the node is in it."""
