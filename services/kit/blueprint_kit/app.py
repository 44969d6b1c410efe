"""The application that every service starts from: probes, problem documents, limits, request ids, metrics."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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

JSON = "application/json"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    settings: ServiceSettings,
    *,
    lifespan: Lifespan | None = None,
    readiness: Sequence[Check] = (),
    body_type: str = JSON,
) -> FastAPI:
    """An application without resources of its own. `lifespan` opens and closes what the service holds.

    It must open without waiting for other services: `readiness` says when they answer. A body must be of `body_type`.
    """
    probes = Probes(readiness=readiness)
    app = FastAPI(
        title=settings.service_name,
        version=settings.service_version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name this service's address to the gateway's clients
        lifespan=_whole(lifespan, probes),
        dependencies=[Depends(required_type(body_type))],
        exception_handlers=problems.handlers(),
        middleware=[Middleware(RequestMiddleware, probes=probes), Middleware(LimitMiddleware, settings=settings)],
    )
    app.state.probes = probes
    app.router.routes.extend(probe_routes(probes))
    return app


def required_type(wanted: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses a body of another media type with 415; JSON's many names are one."""

    async def require(request: Request) -> None:
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        fits = given == wanted or (wanted == JSON and given.endswith("+json"))
        if has_body(request.scope) and not fits:
            detail = f"the body is of {given or 'no media type'}; {wanted} is needed"
            raise Problem(415, detail, headers={"Accept": wanted})

    return require


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
