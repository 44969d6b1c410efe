"""A new route table while the gateway serves: taken over without a restart, or refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from blueprint_testing import (
    LOCAL,
    LOOPBACK,
    Running,
    Upstream,
    answer,
    break_off,
    eventually,
    is_problem,
    running,
    upstream,
)
from conftest import Reader, Writer
from structlog.testing import capture_logs

from app import routing
from app.main import create
from app.settings import GatewaySettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "RELOAD_SECONDS", 0.02)


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with capture_logs() as log:
        yield log


class Gateway:
    """A gateway whose table is `file`."""

    def __init__(self, service: Running, asking: httpx.AsyncClient, file: Path) -> None:
        self.service = service
        self.asking = asking
        self.file = file

    async def get(self, path: str) -> tuple[int, str]:
        response = await self.asking.get(path)
        return response.status_code, response.text

    async def reload(self, routes: dict[str, str], **more: Any) -> None:
        """Replace the table, and return when it is in force."""
        before = await self.metric("config_reloads_total")
        write(self.file, routes, **more)

        async def taken() -> bool:
            return await self.metric("config_reloads_total") == before + 1

        await eventually(taken)

    async def metric(self, name: str) -> float:
        return await self.service.metric(f'{name}{{file="{self.file}"}}')


def write(file: Path, routes: dict[str, str], **more: Any) -> None:
    lines = [{"path": path, "upstream": url, **more} for path, url in routes.items()]
    file.write_text(yaml.safe_dump({"routes": lines}))


@contextlib.asynccontextmanager
async def gateway(folder: Path, routes: dict[str, str]) -> AsyncIterator[Gateway]:
    file = folder / "routes.yaml"
    write(file, routes)
    settings = load_settings(GatewaySettings, routes_file=file, **LOCAL)
    async with running(create(settings), settings) as service, service.client() as asking:
        yield Gateway(service, asking, file)


@contextlib.asynccontextmanager
async def naming(name: str) -> AsyncIterator[Upstream]:
    """An upstream that answers with its name and what it was asked for, and notes in `ended` when connections end."""

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        try:
            while head := await made.head(reader):
                writer.write(answer(f"{name} {head.split(b' ')[1].decode()}".encode()))
        finally:
            ended[name] = ended.get(name, 0) + 1

    async with upstream(handle) as made:
        yield made


ended: dict[str, int] = {}


@pytest.fixture(autouse=True)
def none_ended() -> None:
    ended.clear()


async def has_ended(name: str) -> None:
    async def gone() -> bool:
        return ended.get(name, 0) > 0

    await eventually(gone)


async def test_root_serves_what_no_longer_path_does(tmp_path: Path) -> None:
    async with naming("web") as web, naming("catalog") as catalog:
        routes = {"/": web.url, "/api/products": f"{catalog.url}/products"}
        async with gateway(tmp_path, routes) as running:
            assert await running.get("/") == (200, "web /")
            assert await running.get("/static/main.js?x=1") == (200, "web /static/main.js?x=1")
            assert await running.get("/api/products/A-1") == (200, "catalog /products/A-1")
            assert await running.get("/api/productsx") == (200, "web /api/productsx")
            assert (await running.asking.get("/livez")).json()["status"] == "ok", "the gateway's own"


async def test_new_table_is_in_force_without_a_restart(tmp_path: Path) -> None:
    async with naming("old") as old, naming("new") as new, gateway(tmp_path, {"/a": old.url}) as running:
        assert await running.get("/a/x") == (200, "old /x")
        is_problem(await running.asking.get("/b"), 404, "not-found")
        await running.reload({"/b": f"{new.url}/c"})
        assert await running.get("/b") == (200, "new /c")
        is_problem(await running.asking.get("/a"), 404, "not-found")
        assert await running.metric("config_reload_failed") == 0


@pytest.mark.parametrize(
    "content", ["routes: [", "routes: []", "routes: [{path: /a, upstream: catalog}]", "", "\x00", None]
)
async def test_bad_table_is_refused_and_the_old_one_serves_on(
    tmp_path: Path, content: str | None, log: list[Any]
) -> None:
    async with naming("old") as old, naming("new") as new, gateway(tmp_path, {"/a": old.url}) as running:
        assert await running.get("/a") == (200, "old /")
        if content is None:
            running.file.unlink()
        else:
            running.file.write_text(content)

        async def refused() -> bool:
            return await running.metric("config_reload_failed") == 1

        await eventually(refused)
        await asyncio.sleep(0.1)
        assert await running.get("/a") == (200, "old /")
        assert len([line for line in log if line["log_level"] == "error"]) == 1, "it is said once"
        await running.reload({"/a": new.url})
        assert await running.get("/a") == (200, "new /")
        assert await running.metric("config_reload_failed") == 0


async def test_table_that_is_bad_at_the_start_is_refused(tmp_path: Path) -> None:
    settings = load_settings(GatewaySettings, routes_file=tmp_path / "routes.yaml", **LOCAL)
    with pytest.raises(SettingsError, match="must be a readable text file"):
        create(settings)
    (tmp_path / "routes.yaml").write_text("routes: []")
    with pytest.raises(SettingsError, match="at least 1 item"):
        create(settings)


async def test_connections_of_a_vanished_origin_are_closed(tmp_path: Path) -> None:
    """At once where nobody uses them; what both tables have keeps its own."""
    async with (
        naming("kept") as kept,
        naming("gone") as gone,
        gateway(tmp_path, {"/kept": kept.url, "/gone": gone.url}) as running,
    ):
        await running.get("/kept")
        await running.get("/gone")
        await running.reload({"/kept": kept.url})
        await has_ended("gone")
        assert "kept" not in ended
        await running.get("/kept")
        assert kept.connections == 1
        async with running.service.client() as asking:
            shown = await asking.get(f"http://{LOOPBACK}:{running.service.metrics_port}/metrics")
        assert f'http_client_circuit_open{{upstream="{gone.url}"}}' not in shown.text
        assert f'http_client_circuit_open{{upstream="{kept.url}"}}' in shown.text


async def test_exchange_with_a_vanished_origin_goes_on_to_its_end(tmp_path: Path) -> None:
    """The old table's answer comes whole, and only then is its connection closed."""
    asked, go, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        asked.set()
        await go.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        assert await reader.read() == b""
        closed.set()

    async with upstream(handle) as slow, naming("new") as new, gateway(tmp_path, {"/a": slow.url}) as running:
        getting = asyncio.create_task(running.get("/a"))
        await asyncio.wait_for(asked.wait(), 5)
        await running.reload({"/a": new.url})
        assert await running.get("/a") == (200, "new /")
        assert not closed.is_set()
        go.set()
        assert await getting == (200, "firstlast")
        await asyncio.wait_for(closed.wait(), 5)


async def test_request_repeated_after_its_origin_vanished_leaves_no_connection(tmp_path: Path) -> None:
    asked, go, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        if made.connections == 1:
            asked.set()
            await go.wait()
            break_off(writer)
            return
        writer.write(answer(b"again"))
        assert await reader.read() == b""
        closed.set()

    async with upstream(handle) as old, naming("new") as new, gateway(tmp_path, {"/a": old.url}) as running:
        getting = asyncio.create_task(running.get("/a"))
        await asyncio.wait_for(asked.wait(), 5)
        await running.reload({"/a": new.url})
        go.set()
        assert await getting == (200, "again")
        await asyncio.wait_for(closed.wait(), 1.5)


async def test_new_time_limit_of_an_origin_is_in_force(tmp_path: Path) -> None:
    """Also for what belongs to the upstream's connections: the wait for more of an answer."""

    async def stops(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await reader.read()

    async with upstream(stops) as made, gateway(tmp_path, {"/a": made.url}) as running:
        await running.reload({"/a": made.url}, timeout_seconds=0.3)
        with pytest.raises(httpx.RemoteProtocolError):
            await asyncio.wait_for(running.asking.get("/a"), 3)


async def test_table_changes_under_load_fail_no_request(tmp_path: Path) -> None:
    statuses: list[int] = []
    done = asyncio.Event()

    async def load(running: Gateway) -> None:
        while not done.is_set():
            statuses.append((await running.get("/a"))[0])

    async with (
        naming("one") as one,
        naming("two") as two,
        gateway(tmp_path, {"/a": one.url}) as running,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(8):
            tasks.create_task(load(running))
        for turn in range(10):
            await running.reload({"/a": (two if turn % 2 == 0 else one).url})
        done.set()
    assert len(statuses) > 50
    assert set(statuses) == {200}
