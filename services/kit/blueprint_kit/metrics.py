"""Metrics: what is measured of requests that come in and go out, and the application that shows it on its own port."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from blueprint_kit.problems import METHODS, handlers

disable_created_metrics()  # type: ignore[no-untyped-call]  # else every counter comes twice

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

SERVICE = Gauge("service_info", "1, with the name and version of the service.", ["service", "version"])
READY = Gauge("service_ready", "Whether the service said at the last probe that it is ready.")

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from a request's head to its answer's end.",
    ["method", "route"],
    buckets=SECONDS,
)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being answered.")

CALLS = Counter("http_client_requests_total", "Requests sent to other services.", ["upstream", "method", "outcome"])
CALL_DURATION = Histogram(
    "http_client_request_duration_seconds",
    "Time to the head of the answer, retries included.",
    ["upstream"],
    buckets=SECONDS,
)
RETRIES = Counter("http_client_retries_total", "Attempts after the first.", ["upstream"])
BREAKER_OPEN = Gauge(
    "http_client_circuit_open", "1 while the circuit to the upstream is open, 0.5 while it is tried.", ["upstream"]
)


def method_label(method: str) -> str:
    """The method, or `other`: a client must not be able to make new series."""
    return method if method in METHODS else "other"


def metrics_app() -> Starlette:
    """The application on the metrics port: `/metrics` and nothing else."""
    return Starlette(routes=[Route("/metrics", _show)], exception_handlers=handlers())


async def _show(request: Request) -> Response:
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"Content-Type": media_type})
