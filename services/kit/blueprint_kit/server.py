"""How a service runs: two ports, one process, and an end that loses no request.

On SIGTERM readiness goes off and each answer closes its connection; after `drain_seconds` the port closes; requests in
flight get `shutdown_seconds` to end; then the application's own shutdown runs. The metrics port stays until the end.
"""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI

from blueprint_kit import metrics
from blueprint_kit.logs import configure_logs, logger
from blueprint_kit.probes import Probes
from blueprint_kit.protocol import ServiceConfig
from blueprint_kit.settings import Refusal, ServiceSettings, SettingsError
from blueprint_kit.tls import ServerTls

EXIT_FAILED = 1
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h

log = logger(__name__)


class StartupError(Exception):
    """The application did not start."""


class QuietServer(uvicorn.Server):
    """uvicorn's server, whose caller handles signals, knows when it listens, and decides how the process ends."""

    def __init__(self, config: ServiceConfig) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn's own handling knows no readiness."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen. Raises StartupError."""
        try:
            await super().startup(sockets)
        except SystemExit as error:  # uvicorn has logged why; its exit would end the metrics' server in its midst
            raise StartupError from error
        self.listening.set()


def main(load: Callable[[], ServiceSettings], create: Callable[[Any], FastAPI]) -> None:
    """The program of a service: settings, application, serving. Exits with 0, 1 (failed) or 78 (refused settings)."""
    try:
        settings = load()
        app = create(settings)
        run(app, settings)
    except SettingsError as error:
        refuse(error)


def refuse(error: SettingsError) -> None:
    """Say each refused setting as a line of JSON, like all other logs, and exit."""
    for item in error.refusals:
        line = {"level": "critical", "event": "setting refused", **vars(item)}
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    raise SystemExit(EXIT_CONFIGURATION)


def run(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve `app` (made by `blueprint_kit.app.create_app`) until SIGTERM or SIGINT. Exits with 1 if it fails."""
    configure_logs(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if not runner.run(_serve_until_signal(app, settings)):
            raise SystemExit(EXIT_FAILED)


async def _serve_until_signal(app: FastAPI, settings: ServiceSettings) -> bool:
    stop = asyncio.Event()
    with _signals_set(stop):
        return await serve(app, settings, stop)


async def serve(
    app: FastAPI, settings: ServiceSettings, stop: asyncio.Event, listening: Callable[[int, int], None] | None = None
) -> bool:
    """Serve until `stop` is set; whether it went as it should. Raises SettingsError for a port that is taken.

    `listening` is told the service's and the metrics' port once both accept connections.
    """
    metrics.SERVICE.labels(settings.service_name, settings.service_version).set(1)
    tls = ServerTls(settings.tls_folder) if settings.tls_folder is not None else None
    context = tls.context if tls is not None else None
    with _bound(settings, "http_port") as http, _bound(settings, "metrics_port") as scraped:
        ports = http.getsockname()[1], scraped.getsockname()[1]
        servers = [_server(app, settings, context), _server(metrics.metrics_app(), settings)]
        tasks = [
            asyncio.create_task(server.serve([port])) for server, port in zip(servers, (http, scraped), strict=True)
        ]
        stopped = False
        if await _comes_first(_all_listen(servers), tasks):
            log.info("serving", http_port=ports[0], metrics_port=ports[1])
            if listening is not None:
                listening(*ports)
            with _watched(tls):
                stopped = await _comes_first(stop.wait(), tasks)
        if stopped:
            await _drain(app.state.probes, settings, stop)
        await _end(servers, tasks)
    return stopped


@contextlib.contextmanager
def _watched(tls: ServerTls | None) -> Iterator[None]:
    """While the service serves, a changed certificate is taken over."""
    if tls is None:
        yield
        return
    watching = asyncio.create_task(tls.watch())
    try:
        yield
    finally:
        watching.cancel()


async def _all_listen(servers: list[QuietServer]) -> None:
    for server in servers:
        await server.listening.wait()


async def _comes_first(awaited: Coroutine[Any, Any, object], tasks: list[asyncio.Task[None]]) -> bool:
    """Wait for `awaited` (true), or until a server ended by itself, which is a failure (false)."""
    waiting = asyncio.create_task(awaited)
    await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
    return not waiting.cancel()


async def _end(servers: list[QuietServer], tasks: list[asyncio.Task[None]]) -> None:
    """Close the ports, the metrics' last, and say what failed."""
    for server, task in zip(servers, tasks, strict=True):
        server.should_exit = True
        await asyncio.wait([task])
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("the server failed", error=repr(error))
    log.info("stopped")


def _server(app: Any, settings: ServiceSettings, context: ssl.SSLContext | None = None) -> QuietServer:
    return QuietServer(
        ServiceConfig(
            app,
            settings,
            context,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on" if isinstance(app, FastAPI) else "off",
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
    )


async def _drain(probes: Probes, settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Go on serving while everybody learns that this process stops; a second signal ends the wait."""
    probes.draining = True
    metrics.READY.set(0)
    log.info("stopping", drain_seconds=settings.drain_seconds, shutdown_seconds=settings.shutdown_seconds)
    stop.clear()
    try:
        async with asyncio.timeout(settings.drain_seconds):
            await stop.wait()
        log.warning("stopping at once, as asked by a second signal")
    except TimeoutError:
        log.debug("drained")
    stop.set()


@contextlib.contextmanager
def _bound(settings: ServiceSettings, field: str) -> Iterator[socket.socket]:
    """A socket bound to the port that `field` names, closed at the end; it does not listen yet."""
    family = socket.AF_INET6 if settings.http_host.version == 6 else socket.AF_INET
    port = getattr(settings, field)
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((str(settings.http_host), port))
        except OSError as error:
            value = f"{field.upper()}={port}"
            rule = f"the port must be free on {settings.http_host} ({error.strerror})"
            raise SettingsError([Refusal(value, rule, f"stop what uses it or set {field.upper()}")]) from error
        yield bound


@contextlib.contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled = (signal.SIGTERM, signal.SIGINT)
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
