"""Programs that speak for others: exporters of the stores, the blackbox exporter, the Pushgateway."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from monitoring.blackbox import STORES, TARGETS, targets
from tests.cluster.deployed_targets import doors_of_stores
from tests.cluster.kube import Kube, eventually
from tests.cluster.prometheus import Prometheus, prometheus_of
from tests.cluster.pushgateway import pushgateway
from tests.cluster.shop import PLENTY, Shop, job_from, pods_of, query, rolled_out

pytestmark = pytest.mark.usefixtures("observability")

SEEN_SECONDS = 60
"""Two scrapes, and time for a query that looks at both."""
JOBS = ("blackbox-http", "blackbox-tcp", "blackbox-dns")
EDGE_URL = "shop.blueprint.test"
PAGE = next(one.address for one in TARGETS if one.service == "web")


@pytest.fixture(scope="module")
def prometheus(kube: Kube) -> Iterator[Prometheus]:
    """The running Prometheus."""
    with prometheus_of(kube) as found:
        yield found


@pytest.mark.concept("H8")
def test_an_order_is_seen_in_the_figures_of_every_store(shop: Shop, prometheus: Prometheus) -> None:
    """Commits of the orders' database, messages of their stream and commands of the cache go up with an order."""
    counted = {
        "postgres": 'sum(pg_stat_database_xact_commit{datname="orders"})',
        "nats": 'sum(jetstream_stream_last_seq{stream_name="ORDERS"})',
        "valkey": "sum(redis_commands_processed_total)",
    }
    unknown = [store for store, expression in counted.items() if not prometheus.instant(expression)]
    assert unknown == []
    before = {store: prometheus.total(expression) for store, expression in counted.items()}
    shop.final(shop.accepted([(PLENTY, 1)]))
    shop.http.get(f"{shop.url}/api/products/{PLENTY}")

    def grown() -> dict[str, bool]:
        return {store: prometheus.total(expression) > before[store] for store, expression in counted.items()}

    eventually("every store's count is higher", lambda: all(grown().values()), seconds=SEEN_SECONDS)


@pytest.mark.concept("H8")
def test_postgres_s_figures_are_what_the_administrator_sees(kube: Kube, prometheus: Prometheus) -> None:
    """The size of each service's database, by the exporter's own login, which opens none of them."""
    asked = query(
        kube, "postgres", "SELECT datname, pg_database_size(datname) FROM pg_database WHERE NOT datistemplate"
    )
    real = {name: float(size) for name, size in (line.split("|") for line in asked)}
    exported = f"pg_database_size_bytes and timestamp(pg_database_size_bytes) > {time.time():.0f}"

    def agree() -> bool:
        found = prometheus.by("datname", exported)
        return real.keys() <= found.keys() and all(abs(found[name] - size) < 0.5 * size for name, size in real.items())

    eventually(
        f"a scrape from now on has {real}",
        agree,
        seconds=SEEN_SECONDS,
        diagnose=lambda: str(prometheus.by("datname", exported)),
    )


@pytest.mark.concept("H8", "J4")
def test_everything_that_is_probed_answers_and_nothing_else_is_probed(
    kube: Kube, prometheus: Prometheus, outputs: dict[str, Any]
) -> None:
    """Each target of each probe, by HTTP, TCP and DNS, is there with success 1; the two lists are the same."""
    edge = EDGE_URL in outputs["urls"]
    expected = {job: {one.address: 1.0 for one in targets(job, edge=edge)} for job in JOBS}
    expected[STORES] = dict.fromkeys(doors_of_stores(kube), 1.0)

    def found() -> dict[str, dict[str, float]]:
        return {job: prometheus.by("instance", f'probe_success{{job="{job}"}}') for job in expected}

    eventually(
        f"the probes and their success are {expected}",
        lambda: found() == expected,
        seconds=SEEN_SECONDS,
        diagnose=lambda: str(found()),
    )


@pytest.mark.concept("H8", "A7")
def test_the_end_of_every_certificate_that_is_shown_is_known(prometheus: Prometheus, outputs: dict[str, Any]) -> None:
    """Envoy's and the issuer's have weeks left; this is what the alert for certificates looks at."""
    edge = EDGE_URL in outputs["urls"]
    shown = {one.address for one in targets("blackbox-tcp", edge=edge) if one.module == "certificate"}
    left = prometheus.by("instance", '(probe_ssl_earliest_cert_expiry{job="blackbox-tcp"} - time()) / 86400')
    assert left.keys() == shown
    assert all(days > 7 for days in left.values()), left


@pytest.mark.serial
@pytest.mark.concept("H8", "B9")
def test_a_probe_fails_while_nobody_serves_and_succeeds_after(kube: Kube, prometheus: Prometheus) -> None:
    """The page is probed through the gateway: without web's pods the probe fails, with them it succeeds again."""
    expression = f'probe_success{{job="blackbox-http",instance="{PAGE}"}}'
    replicas = len(pods_of(kube, "edge", "web"))
    eventually("the probe succeeds", lambda: prometheus.total(expression) == 1, seconds=SEEN_SECONDS)
    kube.run("scale", "deployment/web", "--namespace", "edge", "--replicas=0")
    try:
        eventually("the probe fails", lambda: [one.value for one in prometheus.instant(expression)] == [0], seconds=90)
    finally:
        kube.run("scale", "deployment/web", "--namespace", "edge", f"--replicas={replicas}")
        rolled_out(kube, "edge", "web")
    eventually("the probe succeeds again", lambda: prometheus.total(expression) == 1, seconds=SEEN_SECONDS)


@pytest.mark.concept("H7")
def test_the_report_s_push_is_scraped(shop: Shop, kube: Kube, prometheus: Prometheus) -> None:
    """A report that has ended is in Prometheus with its sales of today, as its own log says them."""
    began = time.time()
    shop.final(shop.accepted([(PLENTY, 1)]))
    said = [json.loads(line) for line in job_from(kube, "shop", "report").splitlines() if line.startswith("{")]
    assert [line for line in said if line["event"] == "pushed"], said
    newest = [line for line in said if line["event"] == "sales"][-1]
    assert newest["orders"] > 0
    pushed = f'report_orders{{job="report",day="{newest["day"]}"}} >= {newest["orders"]}'
    since = f'(max(report_last_success_timestamp_seconds{{job="report"}}) > {began})'
    eventually(
        f"a report of after this test began has {newest}",
        lambda: bool(prometheus.instant(f"{pushed} and on () {since}")),
        seconds=SEEN_SECONDS,
        diagnose=lambda: str(prometheus.by("day", 'report_orders{job="report"}')),
    )


@pytest.mark.concept("H7")
def test_a_push_that_claims_a_time_is_refused(kube: Kube) -> None:
    """A clock in the past, or one in the future, can move no sample: the whole push is refused, and none is stored."""
    with pushgateway(kube) as http:
        for shift in (-3600, 3600):
            line = f"backdated 1 {int((time.time() + shift) * 1000)}\n"
            # Debian's 1.11 stumbles over its own note of the refusal, and hangs up instead of saying 400.
            with suppress(httpx.RemoteProtocolError):
                assert http.put("/metrics/job/report/trial/backdated", content=line).status_code == 400
        kept = http.get("/metrics").raise_for_status().text.splitlines()
        assert kept
        assert not [line for line in kept if line.startswith("backdated")]


@pytest.mark.serial
@pytest.mark.concept("H7")
def test_what_was_pushed_outlives_the_pushgateway_s_process(kube: Kube, prometheus: Prometheus) -> None:
    """The Pushgateway's process ends: its container starts again with what was pushed before."""
    job_from(kube, "shop", "report")
    time_pushed = 'max(push_time_seconds{job="report"})'
    eventually("the push is scraped", lambda: prometheus.total(time_pushed) > 0, seconds=SEEN_SECONDS)
    time.sleep(6)  # what is kept is written every five seconds
    before = prometheus.total(time_pushed)
    (pod,) = pods_of(kube, "observability", "pushgateway")
    name, count = pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]
    kube.attempt("exec", "--namespace", "observability", name, "--", "/bin/sh", "-c", "kill 1")

    def restarted() -> bool:
        (found,) = kube.get("pod", name, "--namespace", "observability")["status"]["containerStatuses"]
        return bool(found["restartCount"] > count and found["ready"])

    eventually("the container has started again", restarted, seconds=90)
    eventually(
        "what was pushed is scraped again", lambda: prometheus.total(time_pushed) >= before, seconds=SEEN_SECONDS
    )
