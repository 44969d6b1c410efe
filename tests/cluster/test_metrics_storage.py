"""What is kept of metrics, and where: in Prometheus across its pod's end, and in the store beside it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.nodes import kill_container
from tests.cluster.prometheus import SPACE, STORE_BESIDE, Prometheus, Sample, prometheus_of

SCRAPE_SECONDS = 15
WINDOW_SECONDS = 180
"""How far back samples are compared."""
BACK_SECONDS = 150
SERIES = 'up{job=~"prometheus|services|kubelet|etcd"}'
LEFT_OUT = frozenset({"cluster"})
"""What Prometheus adds to all that leaves it."""
Series = dict[frozenset[tuple[str, str]], list[Sample]]

pytestmark = [pytest.mark.usefixtures("observability"), pytest.mark.serial]


@pytest.fixture
def prometheus(kube: Kube) -> Iterator[Prometheus]:
    """The running Prometheus."""
    with prometheus_of(kube) as found:
        yield found


@pytest.fixture
def beside(kube: Kube) -> Iterator[Prometheus]:
    """The store beside it."""
    with prometheus_of(kube, STORE_BESIDE) as found:
        yield found


@pytest.mark.concept("H11")
def test_no_sample_is_lost_with_the_pod_and_the_store_beside_agrees(
    kube: Kube, prometheus: Prometheus, beside: Prometheus
) -> None:
    """The pod is deleted: every sample older than a scrape interval is in the new one, and in the other store too."""
    had, until = _had(prometheus)
    identity = _pod(kube)["metadata"]["uid"]
    kube.run("delete", "pod", "prometheus-0", "--namespace", SPACE, seconds=120)
    away = _back(kube, prometheus, identity)
    print(f"back after {away:.0f} s")
    assert not _missing(had, prometheus.history(SERIES, WINDOW_SECONDS, at=until)), "Prometheus lost samples"
    assert not _missing(had, beside.history(SERIES, WINDOW_SECONDS, at=until)), "the store beside lacks samples"


@pytest.mark.concept("H11")
def test_a_kill_loses_no_more_than_a_scrape_interval(kube: Kube, prometheus: Prometheus, beside: Prometheus) -> None:
    """SIGKILL, no time to write anything: the write-ahead log has every sample that was there."""
    had, until = _had(prometheus)
    before = _restarts(kube)
    kill_container(_pod(kube), _index(kube))
    eventually("Prometheus was started again", lambda: _restarts(kube) > before, seconds=BACK_SECONDS)
    eventually("it is ready", lambda: ready(_pod(kube)), seconds=BACK_SECONDS)
    assert not _missing(had, prometheus.history(SERIES, WINDOW_SECONDS, at=until))
    older = until - 2 * SCRAPE_SECONDS
    sent = {key: [one for one in samples if one.at < older] for key, samples in had.items()}
    assert not _missing(sent, beside.history(SERIES, WINDOW_SECONDS, at=until))


@pytest.mark.concept("H11")
def test_what_the_store_beside_missed_it_is_sent_later(kube: Kube, prometheus: Prometheus, beside: Prometheus) -> None:
    """Both have a sample → the store is away → Prometheus goes on → it is back → it gets what it missed."""
    store = "statefulset/victoria-metrics"
    kube.run("scale", store, "--namespace", SPACE, "--replicas=0")
    try:
        eventually(
            "the store is gone",
            lambda: (
                not kube.items("pods", "--namespace", SPACE, "--selector", "app.kubernetes.io/name=victoria-metrics")
            ),
            seconds=BACK_SECONDS,
        )
        gone = time.time()
        time.sleep(4 * SCRAPE_SECONDS)
        had, until = _had(prometheus)
        meanwhile = {key: [one for one in samples if one.at > gone] for key, samples in had.items()}
        assert any(meanwhile.values()), "Prometheus goes on without it"
    finally:
        kube.run("scale", store, "--namespace", SPACE, "--replicas=1")
    kube.run("rollout", "status", store, "--namespace", SPACE, f"--timeout={BACK_SECONDS}s", seconds=BACK_SECONDS + 10)
    eventually(
        "it has what it missed",
        lambda: not _missing(meanwhile, beside.history(SERIES, WINDOW_SECONDS, at=until)),
        seconds=BACK_SECONDS,
    )


def test_both_are_bounded_and_have_room(prometheus: Prometheus, beside: Prometheus) -> None:
    """The retention is in force by time and by size, and what is stored is within it."""
    assert prometheus.total("prometheus_tsdb_retention_limit_seconds") >= 3 * 86400
    size = prometheus.total("prometheus_tsdb_retention_limit_bytes")
    assert 0 < prometheus.total("prometheus_tsdb_storage_blocks_bytes") + 1 <= size
    free = prometheus.total('min(vm_free_disk_space_bytes{job="victoria-metrics"})')
    assert free > prometheus.total('min(vm_free_disk_space_limit_bytes{job="victoria-metrics"})')
    assert prometheus.total("sum(prometheus_remote_storage_samples_failed_total)") == 0
    assert beside.total("count(up)") > 0


def _had(prometheus: Prometheus) -> tuple[Series, float]:
    """The samples of a while until a scrape interval ago, and when that was."""
    until = time.time() - SCRAPE_SECONDS
    found = prometheus.history(SERIES, WINDOW_SECONDS, at=until)
    assert sum(len(samples) for samples in found.values()) > 50, "there is something to lose"
    return found, until


def _missing(had: Series, now: Series) -> list[str]:
    """Samples that are not there any more, by time and value."""
    there = {_own(key): {(round(one.at, 3), one.value) for one in samples} for key, samples in now.items()}
    return [
        f"{dict(key)} at {one.at}"
        for key, samples in had.items()
        for one in samples
        if (round(one.at, 3), one.value) not in there.get(_own(key), set())
    ]


def _own(labels: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels if name not in LEFT_OUT)


def _pod(kube: Kube) -> dict[str, Any]:
    return kube.get("pod", "prometheus-0", "--namespace", SPACE)


def _back(kube: Kube, prometheus: Prometheus, identity: str) -> float:
    """Waits until another pod is ready and has scraped again."""

    def another() -> bool:
        found = kube.attempt("get", "pod", "prometheus-0", "--namespace", SPACE, "--output", "jsonpath={.metadata.uid}")
        return found.returncode == 0 and found.stdout != identity and ready(_pod(kube))

    took = eventually("another Prometheus is ready", another, seconds=BACK_SECONDS)
    eventually("it scrapes", lambda: prometheus.total("count(up == 1)") > 10, seconds=3 * SCRAPE_SECONDS)
    return took


def _restarts(kube: Kube) -> int:
    status = kube.get("pod", "prometheus-0", "--namespace", SPACE)["status"]["containerStatuses"]
    return int(next(one["restartCount"] for one in status if one["name"] == "prometheus"))


def _index(kube: Kube) -> int:
    status = kube.get("pod", "prometheus-0", "--namespace", SPACE)["status"]["containerStatuses"]
    return next(index for index, one in enumerate(status) if one["name"] == "prometheus")
