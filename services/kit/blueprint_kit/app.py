"""The application that every service starts from: probes, problem documents, limits, request ids, metrics."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request

from blueprint_kit import problems
from blueprint_kit.limits import LimitMiddleware, has_body
from blueprint_kit.probes import Check, Probes, probe_routes
from blueprint_kit.problems import Problem
from blueprint_kit.requests import RequestMiddleware
from blueprint_kit.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    settings: ServiceSettings, *, lifespan: Lifespan | None = None, readiness: Sequence[Check] = ()
) -> FastAPI:
    """An application without resources of its own. `lifespan` opens and closes what the service holds.

    It must open without waiting for other services: `readiness` says when they answer.
    """
    probes = Probes(readiness=readiness)
    app = FastAPI(
        title=settings.service_name,
        version=settings.service_version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name this service's address to the gateway's clients
        lifespan=_whole(lifespan, probes),
        dependencies=[Depends(require_json)],
        exception_handlers=problems.handlers(),
        middleware=[Middleware(RequestMiddleware, probes=probes), Middleware(LimitMiddleware, settings=settings)],
    )
    app.state.probes = probes
    app.router.routes.extend(probe_routes(probes))
    return app


async def require_json(request: Request) -> None:
    """Refuse a body that is not JSON with 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body(request.scope) and media_type != "application/json" and not media_type.endswith("+json"):
        given = media_type or "no media type"
        raise Problem(
            415, f"the body is of {given}; application/json is needed", headers={"Accept": "application/json"}
        )


def _whole(lifespan: Lifespan | None, probes: Probes) -> Lifespan:
    @asynccontextmanager
    async def whole(app: FastAPI) -> AsyncIterator[None]:
        if lifespan is None:
            probes.started = True
            yield
            return
        async with lifespan(app):
            probes.started = True
            yield

    return whole
