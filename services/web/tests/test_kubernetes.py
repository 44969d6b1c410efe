"""The topology by way of a Kubernetes API behind TLS, in good times and in bad ones."""

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest
from blueprint_testing import eventually, is_problem, reserved_port
from blueprint_testing.openapi import does_what_its_schema_says
from conftest import KubernetesApi, Start, kubernetes_api, make_certificate, pod
from prometheus_server import graphs_file, prometheus_server

CACHED = 1.05  # seconds after which the API is asked again
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def names(asking: httpx.AsyncClient) -> list[str]:
    response = await asking.get("/topology")
    assert response.status_code == 200, response.text
    return [pod["name"] for node in response.json()["nodes"] for pod in node["pods"]]


async def test_pods_of_the_namespaces_are_shown(api: KubernetesApi, start: Start) -> None:
    api.pods = [pod("gateway-1", "edge"), pod("catalog-1"), pod("catalog-2", ready=False), pod("lab-1", "lab")]
    async with start(api.url) as service, service.client() as asking:
        response = await asking.get("/topology")
    document = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert [(node["name"], node["ready"], node["desired"]) for node in document["nodes"]] == [
        ("gateway", 1, 1),
        ("catalog", 1, 2),
        ("postgres", 0, 0),
    ]
    assert {"from": "gateway", "to": "catalog", "protocol": "HTTP"} in document["edges"]
    assert document["at"].endswith("Z")
    targets = [target for target, _ in api.asked]
    assert [target.split("/")[4] for target in targets] == ["edge", "shop", "data"]
    assert all("labelSelector=app.kubernetes.io%2Fpart-of%3Dblueprint" in target for target in targets)


async def test_many_who_ask_at_once_are_one_reading(api: KubernetesApi, start: Start) -> None:
    api.delay = 0.05
    async with start(api.url) as service, service.client() as asking:
        await asyncio.gather(*(asking.get("/topology") for _ in range(30)))
        assert len(api.asked) == 3


async def test_pod_that_dies_is_gone_a_second_later(api: KubernetesApi, start: Start) -> None:
    api.pods = [pod("catalog-1")]
    async with start(api.url) as service, service.client() as asking:
        assert await names(asking) == ["catalog-1"]
        api.pods = [pod("catalog-2", ready=False)]
        assert await names(asking) == ["catalog-1"], "within the second it is not asked again"
        await asyncio.sleep(CACHED)
        assert await names(asking) == ["catalog-2"]


async def test_token_is_read_for_each_request(api: KubernetesApi, start: Start) -> None:
    async with start(api.url) as service, service.client() as asking:
        await names(asking)
        (api.folder / "token").write_text("second\n")
        await asyncio.sleep(CACHED)
        await names(asking)
    assert [said for _, said in api.asked] == ["Bearer first"] * 3 + ["Bearer second"] * 3


async def test_new_certificate_of_the_api_is_believed(tmp_path: Path, start: Start) -> None:
    with reserved_port() as port:
        async with start(f"https://127.0.0.1:{port}") as service, service.client() as asking:
            async with kubernetes_api(tmp_path, port):
                await names(asking)
            (tmp_path / "ca.crt").unlink()
            async with kubernetes_api(tmp_path, port):
                await asyncio.sleep(CACHED)
                await names(asking)


async def test_api_of_another_authority_gets_no_token(api: KubernetesApi, start: Start, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other)
    shutil.copy(other / "ca.crt", api.folder / "ca.crt")
    async with start(api.url) as service, service.client() as asking:
        is_problem(await asking.get("/topology"), 503, "kubernetes-unavailable")
    assert api.asked == []


async def test_api_that_does_not_answer_is_503_in_time_and_again_200(api: KubernetesApi, start: Start) -> None:
    async with start(api.url, kubernetes_seconds=0.2) as service, service.client() as asking:
        await names(asking)
        api.delay = 5
        await asyncio.sleep(CACHED)
        began = asyncio.get_running_loop().time()
        document = is_problem(await asking.get("/topology"), 503, "kubernetes-unavailable")
        assert asyncio.get_running_loop().time() - began < 1
        assert "did not answer within 0.2 s" in document["detail"]
        assert (await asking.get("/readyz")).status_code == 200, "the page does not need it"
        api.delay = 0
        await asyncio.sleep(CACHED)
        await names(asking)


async def test_api_that_cannot_be_reached_is_503(start: Start, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    (tmp_path / "token").write_text("t")
    with reserved_port() as port:
        async with start(f"https://127.0.0.1:{port}") as service, service.client() as asking:
            document = is_problem(await asking.get("/topology"), 503, "kubernetes-unavailable")
            assert document["detail"] == "the Kubernetes API cannot be reached"


async def test_service_account_that_is_not_mounted_is_503(start: Start) -> None:
    async with start() as service, service.client() as asking:
        document = is_problem(await asking.get("/topology"), 503, "kubernetes-unavailable")
        assert "without the service account's files" in document["detail"]


@pytest.mark.parametrize(
    "answer",
    [
        (403, b'{"message": "secret words"}'),
        (200, b"secret words"),
        (200, b'{"items": [{"secret": "words"}]}'),
        (500, b""),
    ],
)
async def test_other_answer_is_503_and_stays_in_the_log(
    api: KubernetesApi, start: Start, answer: tuple[int, bytes]
) -> None:
    api.answer = answer
    async with start(api.url) as service, service.client() as asking:
        response = await asking.get("/topology")
        is_problem(response, 503, "kubernetes-unavailable")
        assert response.headers["retry-after"] == "1"
        assert "secret" not in response.text


async def test_edges_are_watched_and_bad_ones_refused(api: KubernetesApi, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "topology.yaml"

    async with start(api.url) as service, service.client() as asking:

        async def protocols() -> list[str]:
            return [edge["protocol"] for edge in (await asking.get("/topology")).json()["edges"]]

        async def refused() -> bool:
            return await service.metric(f'config_reload_failed{{file="{file}"}}') == 1

        async def taken() -> bool:
            return await protocols() == ["NATS"]

        assert await protocols() == ["HTTP", "PostgreSQL"]
        file.write_text("edges: [{from: here}]")
        await eventually(refused)
        assert await protocols() == ["HTTP", "PostgreSQL"]
        file.write_text("edges: [{from: orders.shop, to: nats.data, protocol: NATS}]")
        await eventually(taken)
        assert not await refused()


@pytest.mark.thorough
async def test_the_service_does_what_its_schema_says(api: KubernetesApi, start: Start, tmp_path: Path) -> None:
    """Whatever schemathesis sends, in a process of its own: of the topology, and of the graphs."""
    api.pods = [pod("catalog-1")]
    (tmp_path / "graphs.json").write_text(graphs_file())
    async with prometheus_server() as prometheus:
        given = {"graphs_file": tmp_path / "graphs.json", "prometheus_url": prometheus.url}
        async with start(api.url, **given) as service:
            output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 3" in output
    assert prometheus.asked
