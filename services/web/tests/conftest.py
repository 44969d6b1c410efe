"""The web service on real ports, and a Kubernetes API of the tests' own behind TLS."""

import asyncio
import contextlib
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, running

from app.kubernetes import NAME, VERSION
from app.main import create
from app.settings import WebSettings
from blueprint_kit.settings import load_settings

EDGES = """
edges:
  - {from: gateway.edge, to: catalog.shop, protocol: HTTP}
  - {from: catalog.shop, to: postgres.data, protocol: PostgreSQL}
  - {from: loadgen.lab, to: gateway.edge, protocol: HTTP}
"""


def pod(name: str, namespace: str = "shop", *, ready: bool = True, service: str = "", **more: Any) -> dict[str, Any]:
    """A pod as the API has it; `more` are `phase`, `deleted`, `restarts`, `node`."""
    service = service or name.partition("-")[0]
    metadata = {"name": name, "namespace": namespace, "labels": {NAME: service, VERSION: "1.2.3"}}
    if more.get("deleted"):
        metadata["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    node = more.get("node", "worker-1")
    status = {
        "phase": more.get("phase", "Running"),
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"name": service, "restartCount": count} for count in more.get("restarts", [0])],
    }
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}, "status": status}


class KubernetesApi:
    """An API server that holds `pods` and notes who asked for what; `delay` and `answer` make it misbehave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # as the service account's is: the API's certificate and a token
        self.pods: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []  # target and Authorization
        self.delay = 0.0
        self.answer: tuple[int, bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until the client ends it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines[1:] if line)
                target = lines[0].split(" ")[1]
                self.asked.append((target, fields.get("authorization", "")))
                await asyncio.sleep(self.delay)
                status, body = self.answer or (200, self._pods_of(target.split("/")[4]))
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)

    def _pods_of(self, namespace: str) -> bytes:
        items = [item for item in self.pods if item["metadata"]["namespace"] == namespace]
        return json.dumps({"kind": "PodList", "items": items or None}).encode()


def make_certificate(folder: Path) -> None:
    """A new self-signed certificate for loopback: `ca.crt`, and its `key`. Skips the test without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl on PATH")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", "key"]
    name = ["-subj", "/CN=kubernetes", "-addext", f"subjectAltName=IP:{LOOPBACK}"]
    command = [openssl, "req", "-x509", "-days", "1", "-out", "ca.crt", *key, *name]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)


@contextlib.asynccontextmanager
async def kubernetes_api(folder: Path, port: int = 0) -> AsyncIterator[KubernetesApi]:
    """An API on `port` of loopback with the certificate in `folder`, a new one if there is none."""
    if not (folder / "ca.crt").exists():
        make_certificate(folder)
        (folder / "token").write_text("first")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "key")
    api = KubernetesApi(folder)
    serving = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(api.serve(reader, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, port, ssl=context)
    api.port = server.sockets[0].getsockname()[1]
    try:
        yield api
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[KubernetesApi]:
    async with kubernetes_api(tmp_path) as api:
        yield api


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @contextlib.asynccontextmanager
    async def web(url: str = "https://127.0.0.1:9", **given: Any) -> AsyncIterator[Running]:
        """The web service with the Kubernetes API at `url`, and the edges in `topology.yaml`."""
        file = tmp_path / "topology.yaml"
        if not file.exists():
            file.write_text(EDGES)
        files = {"service_account_folder": tmp_path, "topology_file": file}
        settings = load_settings(WebSettings, kubernetes_url=url, **files, **LOCAL, **given)
        async with running(create(settings), settings) as service:
            yield service

    return web
