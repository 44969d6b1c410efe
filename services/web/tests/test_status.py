"""The graphs of the page: what a visitor can ask for, and what comes of it when Prometheus is not itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import Running, is_problem
from conftest import Start
from prometheus_server import GRAPHS, PrometheusServer, graphs_file, matrix, prometheus_server

from app.prometheus import MOST_BYTES, MOST_LINES, RANGE_SECONDS, STEP_SECONDS

Watched = Callable[..., AbstractAsyncContextManager[Running]]
SERIES = "/status/series?name=requests"


@pytest.fixture
async def prometheus() -> AsyncIterator[PrometheusServer]:
    async with prometheus_server() as known:
        yield known


@pytest.fixture
def watched(start: Start, tmp_path: Path, prometheus: PrometheusServer) -> Watched:
    @asynccontextmanager
    async def web(**given: Any) -> AsyncIterator[Running]:
        """The web service with the tests' Prometheus and graphs."""
        file = tmp_path / "graphs.json"
        file.write_text(graphs_file())
        async with start(**{"graphs_file": file, "prometheus_url": prometheus.url, **given}) as service:
            yield service

    return web


async def test_graphs_are_listed_without_their_queries(watched: Watched) -> None:
    async with watched() as service, service.client() as asking:
        response = await asking.get("/status")
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "items": [{key: graph[key] for key in ("name", "title", "unit", "why")} for graph in GRAPHS]
    }


async def test_the_numbers_stand_on_a_grid_of_times(watched: Watched, prometheus: PrometheusServer) -> None:
    end = int(time.time()) // STEP_SECONDS * STEP_SECONDS
    prometheus.body = matrix(
        ({"service": "orders", "job": "services"}, [(end - STEP_SECONDS, "1.5"), (end, "NaN")]),
        ({"service": "catalog"}, [(end - STEP_SECONDS, "2")]),
    )
    async with watched() as service, service.client() as asking:
        found = (await asking.get(SERIES)).json()
    assert (found["name"], found["unit"], found["step"]) == ("requests", "requests/s", STEP_SECONDS)
    assert found["left_out"] == 0
    numbers = {line["label"]: [value for value in line["values"] if value is not None] for line in found["lines"]}
    assert numbers == {"catalog": [2.0], "orders": [1.5]}, "by name, and NaN is a gap"
    for line in found["lines"]:
        assert len(line["values"]) == RANGE_SECONDS // STEP_SECONDS + 1
        at = found["start"] + STEP_SECONDS * next(i for i, value in enumerate(line["values"]) if value is not None)
        assert at == end - STEP_SECONDS


async def test_prometheus_is_asked_the_file_s_query_and_a_bounded_range(
    watched: Watched, prometheus: PrometheusServer
) -> None:
    async with watched() as service, service.client() as asking:
        await asking.get(f"{SERIES}&query=up&start=0&step=1")
    (asked,) = prometheus.asked
    assert asked["path"] == "/api/v1/query_range"
    assert asked["query"] == GRAPHS[0]["query"]
    assert int(asked["end"]) - int(asked["start"]) == RANGE_SECONDS
    assert (asked["step"], asked["timeout"]) == ("15", "2s")


async def test_a_crowd_asks_prometheus_once(watched: Watched, prometheus: PrometheusServer) -> None:
    async with watched() as service, service.client() as asking:
        answers = await asyncio.gather(*(asking.get(SERIES) for _ in range(20)))
        answers.append(await asking.get(SERIES))
    assert {answer.status_code for answer in answers} == {200}
    assert len(prometheus.asked) == 1


@pytest.mark.parametrize("name", ["none", "requests2"])
async def test_a_graph_that_is_not_there(watched: Watched, prometheus: PrometheusServer, name: str) -> None:
    async with watched() as service, service.client() as asking:
        is_problem(await asking.get("/status/series", params={"name": name}), 404, "not-found")
    assert prometheus.asked == []


@pytest.mark.parametrize("given", [{}, {"name": ""}, {"name": "up{}"}, {"name": "a" * 41}, {"name": "sum(up)"}])
async def test_what_is_no_name_is_refused(
    watched: Watched, prometheus: PrometheusServer, given: dict[str, str]
) -> None:
    async with watched() as service, service.client() as asking:
        is_problem(await asking.get("/status/series", params=given), 422, "invalid-request")
    assert prometheus.asked == []


async def test_without_a_prometheus_there_are_no_graphs(start: Start) -> None:
    async with start() as service, service.client() as asking:
        assert (await asking.get("/status")).json() == {"items": []}
        is_problem(await asking.get(SERIES), 404, "not-found")
        assert (await asking.get("/")).status_code == 200


async def test_a_prometheus_that_is_away_is_said_to_be(watched: Watched) -> None:
    async with watched(prometheus_url="http://127.0.0.1:9") as service, service.client() as asking:
        is_problem(await asking.get(SERIES), 502, "upstream-broken")
        assert (await asking.get("/status")).status_code == 200
        assert (await asking.get("/")).status_code == 200


@pytest.mark.parametrize(("hangs", "seconds"), [("head_delay", 30), ("body_delay", 30), ("drip", 0.1)])
async def test_a_prometheus_that_hangs_is_given_up(
    watched: Watched, prometheus: PrometheusServer, hangs: str, seconds: float
) -> None:
    setattr(prometheus, hangs, seconds)
    began = time.monotonic()
    async with watched(prometheus_seconds=0.2) as service, service.client() as asking:
        is_problem(await asking.get(SERIES), 504, "upstream-timeout")
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b'{"status": "success"}'),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": []}}'),
        (200, b'{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": 1}]}}'),
        (400, b'{"status": "error", "errorType": "bad_data", "error": "parse error"}'),
        (200, matrix() + b" " * MOST_BYTES),
        (503, matrix()),
    ],
)
async def test_an_answer_without_series_is_no_graph(
    watched: Watched, prometheus: PrometheusServer, status: int, body: bytes
) -> None:
    prometheus.status, prometheus.body = status, body
    async with watched() as service, service.client() as asking:
        problem = is_problem(await asking.get(SERIES), 502, "upstream-broken")
    assert "parse error" not in str(problem), "what Prometheus says of itself stays in the log"


async def test_of_too_many_lines_the_highest_are_shown(watched: Watched, prometheus: PrometheusServer) -> None:
    end = int(time.time()) // STEP_SECONDS * STEP_SECONDS
    infinite = ({"service": "infinite"}, [(end, "+Inf")])
    prometheus.body = matrix(infinite, *(({"service": f"s{n:03}"}, [(end, str(n))]) for n in range(100)))
    async with watched() as service, service.client() as asking:
        found = (await asking.get(SERIES)).json()
    assert [line["label"] for line in found["lines"]] == [f"s{n:03}" for n in range(100 - MOST_LINES, 100)]
    assert found["left_out"] == 101 - MOST_LINES


async def test_a_changed_file_is_taken_over(watched: Watched, tmp_path: Path) -> None:
    async with watched() as service, service.client() as asking:
        (tmp_path / "graphs.json").write_text(graphs_file(GRAPHS[:1]))
        async with asyncio.timeout(10):
            while len((await asking.get("/status")).json()["items"]) != 1:
                await asyncio.sleep(0.1)


async def test_the_circuit_opens_before_a_crowd_waits_for_each_time_limit(
    watched: Watched, prometheus: PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.status.CACHE_SECONDS", 0.0)
    prometheus.status = 503
    async with watched() as service, service.client() as asking:
        answers = [(await asking.get(SERIES)).status_code for _ in range(6)]
    assert answers == [502] * 4 + [503] * 2, "the last two are refused without a question"
    assert len(prometheus.asked) == 4
