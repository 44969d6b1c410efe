"""Each service by RED (rate, errors, duration), and what it alone counts.

RED is by Tom Wilkie: https://grafana.com/blog/2018/08/02/the-red-method-how-to-instrument-your-services/
"""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

CACHE = Panel(
    title="Reads through the cache",
    unit=Unit.EVENTS,
    query="sum by (outcome) (rate(cache_requests_total[5m]))",
    why="A miss asks PostgreSQL; unavailable means that Valkey is away and every read asks it.",
    by=("outcome",),
)
STOCK = Panel(
    title="Changes of the stock",
    unit=Unit.EVENTS,
    query="sum by (change, outcome) (rate(inventory_changes_total[5m]))",
    why="Reservations, releases, and how they end: out of stock is an outcome, not an error.",
    by=("change", "outcome"),
)
TRANSITIONS = Panel(
    title="Orders that came into a state",
    unit=Unit.EVENTS,
    query="sum by (status) (rate(orders_transitions_total[5m]))",
    why="The saga at work: pending must be followed by as many final states.",
    by=("status",),
)
OUTBOX = Panel(
    title="Age of the oldest event in the outbox",
    unit=Unit.SECONDS,
    query="max(orders_outbox_oldest_seconds)",
    why="An event that is not published is an order that does not go on; the alert QueueStuck looks at the same.",
)
CALLS = Panel(
    title="Calls to other services",
    unit=Unit.REQUESTS,
    query='sum by (upstream, outcome) (rate(http_client_requests_total{service="orders"}[5m]))',
    why="Which partner of the saga fails it, and whether it is even asked (refused: the circuit is open).",
    by=("upstream", "outcome"),
)
PAYMENTS = Panel(
    title="Payments",
    unit=Unit.EVENTS,
    query="sum by (status) (rate(payments_total[5m]))",
    why="Declined payments are the customers' matter, as long as their share is what it always is.",
    by=("status",),
)
RECEIPTS = Panel(
    title="Receipts",
    unit=Unit.EVENTS,
    query="sum by (outcome) (rate(notifications_receipts_total[5m]))",
    why="A duplicate is an event that came twice and did no harm.",
    by=("outcome",),
)
CIRCUITS = Panel(
    title="Open circuits",
    unit=Unit.COUNT,
    query='max by (upstream) (http_client_circuit_open{service="gateway"})',
    why="1 while the gateway leaves a service alone because it did not answer.",
    by=("upstream",),
)
OWN = {
    "gateway": (CIRCUITS,),
    "catalog": (CACHE,),
    "inventory": (STOCK,),
    "orders": (TRANSITIONS, OUTBOX, CALLS),
    "payments": (PAYMENTS,),
    "notifications": (RECEIPTS,),
    "web": (),
    "issuer": (),
}
"""The services that answer requests, and what each counts beside them."""


def red(service: str) -> tuple[Panel, ...]:
    """Rate, errors and duration of one service, by the recording rules that alerts look at too."""
    return (
        Panel("Rate", Unit.REQUESTS, f'service:requests:rate5m{{service="{service}"}}', "How much it is asked."),
        Panel("Errors", Unit.RATIO, f'service:errors:ratio5m{{service="{service}"}}', "The share it failed to answer."),
        Panel(
            "Duration, p95",
            Unit.SECONDS,
            f'service:latency:p95_5m{{service="{service}"}}',
            "What 95 of 100 requests are faster than.",
        ),
    )


SERVICES = Dashboard(
    name="services",
    title="Services",
    why="Which service is slow or fails, and what of its own work tells why?",
    rows=tuple(Row(service, (*red(service), *own)) for service, own in OWN.items()),
)
