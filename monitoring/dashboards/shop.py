"""The shop as its customers feel it, of the last minute: the dashboard whose graphs the web page draws too.

One minute is four scrapes, so a graph follows what a visitor does while the page is open; the rules of
monitoring/rules look at five minutes, so that an alert does not follow every breath.
"""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

REQUESTS = Panel(
    title="Requests",
    unit=Unit.REQUESTS,
    query='sum by (service) (rate(http_requests_total{job="services"}[1m]))',
    why="How much each service is asked: the shop breathes with its visitors.",
    by=("service",),
)
ERRORS = Panel(
    title="Errors",
    unit=Unit.RATIO,
    query=(
        'sum by (service) (rate(http_requests_total{job="services",status=~"5.."}[1m])'
        ' or 0 * rate(http_requests_total{job="services"}[1m]))'
        ' / (sum by (service) (rate(http_requests_total{job="services"}[1m])) > 0)'
    ),
    why="The share of requests that a service failed to answer (5xx). A refusal (4xx) is an answer.",
    by=("service",),
)
LATENCY = Panel(
    title="Latency, 95 of 100 are faster",
    unit=Unit.SECONDS,
    query=(
        "histogram_quantile(0.95, sum by (service, le)"
        ' (rate(http_request_duration_seconds_bucket{job="services"}[1m]))) >= 0'
    ),
    why="What all but the slowest twentieth of requests take; a mean would hide the slow ones.",
    by=("service",),
)
ORDERS = Panel(
    title="Orders by state",
    unit=Unit.EVENTS,
    query="sum by (status) (rate(orders_transitions_total[1m]))",
    why="Each order passes pending, reserved, paid and confirmed: where one line stays below the others, orders wait.",
    by=("status",),
)
IN_FLIGHT = Panel(
    title="Requests in flight",
    unit=Unit.COUNT,
    query='sum by (service) (http_requests_in_flight{job="services"})',
    why="Requests that are being answered now. It grows before anything else when something behind a service hangs.",
    by=("service",),
)
READY = Panel(
    title="Pods that are ready",
    unit=Unit.COUNT,
    query='service:pods:ready{namespace=~"edge|shop"}',
    why="What the service of each customer's request is made of now.",
    by=("service",),
)

SHOP = Dashboard(
    name="shop",
    title="Shop, now",
    why="Do customers get answers, quickly, and do their orders come to an end?",
    rows=(
        Row("What customers feel", (REQUESTS, ERRORS, LATENCY, ORDERS)),
        Row("What is under way", (IN_FLIGHT, READY)),
    ),
)
