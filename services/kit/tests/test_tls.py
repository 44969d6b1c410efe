"""A service's port with TLS: from a folder as a Secret's volume is one, whose certificate changes while it serves."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, eventually, metric, running, say

from blueprint_kit.app import create_app
from blueprint_kit.server import serve
from blueprint_kit.settings import ServiceSettings, SettingsError
from blueprint_kit.tls import ServerTls


def place(folder: Path, generation: str) -> None:
    """A new pair in the folder, the way the kubelet changes a volume: by moving the link `..data`."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl on PATH")
    data = folder / generation
    data.mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", "tls.key"]
    name = ["-subj", f"/CN={generation}", "-addext", f"subjectAltName=IP:{LOOPBACK}"]
    command = [openssl, "req", "-x509", "-days", "1", "-out", "tls.crt", *key, *name]
    subprocess.run(command, check=True, cwd=data, capture_output=True)
    point(folder, generation)


def point(folder: Path, generation: str) -> None:
    """Move the link."""
    (folder / "..new").symlink_to(generation)
    (folder / "..new").rename(folder / "..data")
    for file in ("tls.crt", "tls.key"):
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(Path("..data") / file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place(tmp_path, "first")
    return tmp_path


@pytest.fixture
async def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(ServerTls.__init__, "__defaults__", (0.05,))
    settings = ServiceSettings(service_name="things", tls_folder=folder, **LOCAL)
    async with running(create_app(settings), settings) as service:
        yield service


async def served(port: int) -> str:
    """The certificate that a new connection is shown."""
    return await asyncio.to_thread(ssl.get_server_certificate, (LOOPBACK, port), timeout=5)


def client(service: Running, authority: Path) -> httpx.AsyncClient:
    """A client that trusts this certificate only."""
    context = ssl.create_default_context(cafile=str(authority))
    return httpx.AsyncClient(base_url=f"https://{LOOPBACK}:{service.port}", verify=context, trust_env=False)


async def test_the_port_speaks_https_and_metrics_do_not(service: Running, folder: Path) -> None:
    async with client(service, folder / "tls.crt") as asking:
        assert (await asking.get("/readyz")).status_code == 200
    assert await service.metric('service_info{service="things",version="0.0.0-dev"}') == 1
    assert b"HTTP/1.1 200" not in await say(service.port, b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n", seconds=2)


async def test_a_new_certificate_is_taken_over_and_open_connections_stay(service: Running, folder: Path) -> None:
    async with client(service, folder / "first" / "tls.crt") as asking:
        await asking.get("/livez")
        place(folder, "second")
        new = (folder / "second" / "tls.crt").read_text()

        async def changed() -> bool:
            return await served(service.port) == new

        await eventually(changed)
        assert (await asking.get("/livez")).status_code == 200, "by the connection of before"
    async with client(service, folder / "second" / "tls.crt") as asking:
        assert (await asking.get("/livez")).status_code == 200


async def test_a_bad_pair_changes_nothing_but_the_metric(service: Running, folder: Path) -> None:
    first = await served(service.port)
    place(folder, "second")
    shutil.copytree(folder / "first", folder / "mixed")
    shutil.copy(folder / "second" / "tls.key", folder / "mixed")
    point(folder, "first")
    point(folder, "mixed")
    failed = f'config_reload_failed{{file="{folder}"}}'

    async def refused() -> bool:
        return await metric(service.metrics_port, failed) == 1

    await eventually(refused)
    assert await served(service.port) == first
    point(folder, "second")

    async def mended() -> bool:
        return await metric(service.metrics_port, failed) == 0

    await eventually(mended)
    assert await served(service.port) == (folder / "second" / "tls.crt").read_text()


async def test_old_tls_is_refused(service: Running) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection(LOOPBACK, service.port, ssl=context)


@pytest.mark.parametrize("content", [None, "no PEM"])
async def test_a_start_without_a_good_pair_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tls.crt").write_text(content)
        (tmp_path / "tls.key").write_text(content)
    settings = ServiceSettings(service_name="things", tls_folder=tmp_path, **LOCAL)
    with pytest.raises(SettingsError, match=r"TLS_FOLDER=.*a certificate and its key in PEM"):
        await serve(create_app(settings), settings, asyncio.Event())
