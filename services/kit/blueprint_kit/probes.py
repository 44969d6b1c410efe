"""Probes: whether the service has started, should get requests, and is alive, each by named checks with a time limit.

Liveness asks no other process: a restart does not mend a database. Readiness goes first when the service stops.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blueprint_kit import metrics
from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem, response

PATHS = frozenset({"/livez", "/readyz", "/startupz"})

log = logger(__name__)


@dataclass(frozen=True)
class Check:
    """Something that must hold: `probe` returns when it does and raises an error that says why when it does not."""

    name: str
    probe: Callable[[], Awaitable[None]]
    seconds: float = 2.0


@dataclass(frozen=True)
class Result:
    """What a check found. `error` is empty when it holds."""

    name: str
    error: str
    seconds: float

    def shown(self) -> dict[str, object]:
        """The result as JSON."""
        state: dict[str, object] = {"ok": not self.error, "seconds": round(self.seconds, 4)}
        return state | {"error": self.error} if self.error else state


class Probes:
    """The state that the probes answer from."""

    def __init__(
        self, readiness: Sequence[Check] = (), startup: Sequence[Check] = (), liveness: Sequence[Check] = ()
    ) -> None:
        self.readiness, self.startup, self.liveness = tuple(readiness), tuple(startup), tuple(liveness)
        self.started = False
        self.draining = False
        self._was_ready: bool | None = None

    async def live(self) -> list[Result]:
        """Whether the process should be left alone."""
        return await run_checks(self.liveness)

    async def start(self) -> list[Result]:
        """Whether the service has started; once it has, it is not asked again."""
        if not self.started:
            return [Result("startup", "still starting", 0.0)]
        results = await run_checks(self.startup)
        if not failed(results):
            self.startup = ()
        return results

    async def ready(self) -> list[Result]:
        """Whether the service should get requests."""
        if self.draining or not self.started:
            results = [Result("shutdown" if self.draining else "startup", "not serving", 0.0)]
        else:
            results = await run_checks(self.readiness)
        self._note(results)
        return results

    def _note(self, results: list[Result]) -> None:
        ready = not failed(results)
        metrics.READY.set(ready)
        if ready is not self._was_ready:
            reasons = {item.name: item.error for item in failed(results)}
            if ready:
                log.info("ready")
            else:
                log.warning("not ready", checks=reasons)
        self._was_ready = ready


def failed(results: Sequence[Result]) -> list[Result]:
    """The results of the checks that do not hold."""
    return [item for item in results if item.error]


async def run_checks(checks: Sequence[Check]) -> list[Result]:
    """Run `checks` at the same time, each within its own time."""
    return list(await asyncio.gather(*(_run(check) for check in checks)))


async def _run(check: Check) -> Result:
    began = time.monotonic()
    error = ""
    try:
        async with asyncio.timeout(check.seconds):
            await check.probe()
    except TimeoutError:
        error = f"no answer within {check.seconds:g} s"
    except Exception as caught:  # a probe's whole purpose is to say what is wrong
        error = f"{type(caught).__name__}: {caught}"
    return Result(check.name, error, time.monotonic() - began)


def probe_routes(probes: Probes) -> list[Route]:
    """`/livez`, `/readyz` and `/startupz`: 200, or 503 with the checks that do not hold."""
    return [
        Route("/livez", _endpoint(probes.live)),
        Route("/readyz", _endpoint(probes.ready)),
        Route("/startupz", _endpoint(probes.start)),
    ]


def _endpoint(ask: Callable[[], Awaitable[list[Result]]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        results = await ask()
        shown = {item.name: item.shown() for item in results}
        headers = {"Cache-Control": "no-store"}
        bad = failed(results)
        if not bad:
            return JSONResponse({"status": "ok", "checks": shown}, headers=headers)
        detail = "; ".join(f"{item.name}: {item.error}" for item in bad)
        return response(Problem(503, detail, kind="not-ready", headers=headers, checks=shown), request.url.path)

    return answer
