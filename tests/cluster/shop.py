"""The shop as its customers see it through the gateway, and what its stores say about it."""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.cluster.kube import Kube, eventually

FINAL = frozenset({"confirmed", "rejected", "payment_failed"})
FINAL_SECONDS = 120
PYTHON = "/opt/venv/bin/python"
"""In every service's image."""
METRICS = "http://127.0.0.1:9100/metrics"
BUSY = frozenset({502, 503, 504})
"""What the gateway answers while a service is away or slow: the same request may go well later."""
ATTEMPTS = 4
Line = tuple[str, int]
"""An SKU and a quantity."""

PLENTY = "KIT-MUG-01"
SCARCE = "KIT-KTL-01"
"""Of this one there is nothing in stock."""
DECLINED = "KIT-TOW-03"
"""One of it costs an amount that the payment rule declines."""


@dataclass(frozen=True)
class Shop:
    """The gateway by its URL."""

    url: str
    http: httpx.Client

    def place(
        self,
        lines: Sequence[Line],
        *,
        key: str | None = None,
        customer: str = "live test",
        request_id: str | None = None,
    ) -> httpx.Response:
        """Asks for an order; by a new idempotency key unless one is given."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if request_id:
            headers["X-Request-Id"] = request_id
        body = {"customer": customer, "items": [{"sku": sku, "quantity": quantity} for sku, quantity in lines]}
        return self.http.post(f"{self.url}/api/orders", json=body, headers=headers)

    def accepted(self, lines: Sequence[Line], **given: str) -> str:
        """The id of an order that the shop accepted; asked by one key, so that asking again makes no second order."""
        key = str(uuid.uuid4())
        answer = _patiently(lambda: self.place(lines, key=key, **given))
        assert answer.status_code == 202, f"{answer.status_code} {answer.text[:500]}"
        return str(answer.json()["id"])

    def order(self, identity: str) -> dict[str, Any]:
        """The order as it stands."""
        return self._read(f"/api/orders/{identity}")

    def final(self, identity: str, seconds: float = FINAL_SECONDS) -> dict[str, Any]:
        """The order once it is in a final state."""
        eventually(
            f"order {identity} is in one of {', '.join(sorted(FINAL))}",
            lambda: self.order(identity)["status"] in FINAL,
            seconds=seconds,
            diagnose=lambda: json.dumps(self.order(identity)),
        )
        return self.order(identity)

    def stock(self, sku: str) -> tuple[int, int]:
        """What is available of a product, and what is reserved."""
        found = self._read(f"/api/inventory/{sku}")
        return int(found["available"]), int(found["reserved"])

    def notifications(self, identity: str) -> list[dict[str, Any]]:
        """The notifications of an order."""
        return list(self._read("/api/notifications", order_id=identity)["items"])

    def _read(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = _patiently(lambda: self.http.get(f"{self.url}{path}", params=parameters))
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:500]}"
        return dict(answer.json())


def _patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, asked for again after 1, 2 and 4 s where the shop says that it is busy, as its page does."""
    for attempt in range(ATTEMPTS - 1):
        answer = ask()
        if answer.status_code not in BUSY:
            return answer
        time.sleep(2**attempt)
    return ask()


def query(kube: Kube, database: str, statement: str) -> list[str]:
    """The rows, columns joined by `|`, that the administrator of PostgreSQL gets."""
    server = ["exec", "--namespace", "data", "postgres-0", "--", "psql", "--username=postgres", f"--dbname={database}"]
    return kube.run(*server, "-tA", "--set=ON_ERROR_STOP=1", "--command", statement).splitlines()


def pods_of(kube: Kube, namespace: str, name: str) -> list[dict[str, Any]]:
    """The pods of a service that are not being deleted."""
    found = kube.items("pods", "--namespace", namespace, "--selector", f"app.kubernetes.io/name={name}")
    service = [pod for pod in found if pod["metadata"]["labels"].get("app.kubernetes.io/component") != "migration"]
    return [pod for pod in service if "deletionTimestamp" not in pod["metadata"]]


def restarts(pod: dict[str, Any]) -> int:
    """How often the containers of a pod were started again."""
    return sum(int(status["restartCount"]) for status in pod["status"]["containerStatuses"])


def metric(kube: Kube, namespace: str, pod: str, name: str, **labels: str) -> float:
    """The sum of a pod's samples of the name whose labels contain the given ones.

    The pod is asked from inside: the network lets nobody but Prometheus reach its metrics.
    """
    read = f"import urllib.request as request; print(request.urlopen('{METRICS}', timeout=10).read().decode())"
    text = kube.run("exec", "--namespace", namespace, pod, "--", PYTHON, "-c", read)
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    samples = [line.rpartition(" ") for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(float(value) for series, _, value in samples if all(label in series for label in wanted))


def rolled_out(kube: Kube, namespace: str, name: str, seconds: int = 180) -> None:
    """Waits until a Deployment's rollout is complete."""
    kube.run(
        "rollout",
        "status",
        f"deployment/{name}",
        "--namespace",
        namespace,
        f"--timeout={seconds}s",
        seconds=seconds + 10,
    )


def job_from(kube: Kube, namespace: str, cronjob: str, seconds: float = 120) -> str:
    """Runs a CronJob's Job now, and gives its log once it succeeded. The Job is removed."""
    name = f"{cronjob}-test-{uuid.uuid4().hex[:6]}"
    kube.run("create", "job", name, f"--from=cronjob/{cronjob}", "--namespace", namespace)
    try:
        eventually(
            f"job {name} has ended",
            lambda: _ended(kube.get("job", name, "--namespace", namespace)),
            seconds=seconds,
            diagnose=lambda: kube.diagnostics(namespace),
        )
        log = kube.run("logs", f"job/{name}", "--namespace", namespace)
        assert kube.get("job", name, "--namespace", namespace)["status"].get("succeeded"), log
        return log
    finally:
        kube.run("delete", "job", name, "--namespace", namespace, "--wait=false")


def _ended(job: dict[str, Any]) -> bool:
    return any(
        found["type"] in ("Complete", "Failed") and found["status"] == "True"
        for found in job["status"].get("conditions", [])
    )
