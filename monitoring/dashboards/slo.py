"""The promises of the gateway: 99.9 % of requests answered, 95 % of reads in time, and what is left of them.

The rules behind these graphs, and what a burn rate is, stand in monitoring/rules/slo.yaml.
Source: https://sre.google/workbook/alerting-on-slos/
"""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

WINDOWS = ("5m", "1h", "6h")
AVAILABILITY, LATENCY = "slo:gateway_availability:error_ratio", "slo:gateway_latency:slow_ratio"


def _windows(rule: str, allowed: str) -> str:
    """The rule over each window, as multiples of what the promise allows."""
    shares = (f'label_replace({rule}_{window} / {allowed}, "window", "{window}", "", "")' for window in WINDOWS)
    return " or ".join(shares)


SLO = Dashboard(
    name="slo",
    title="Promises of the gateway",
    why="Is the promise kept, and how fast is what is left of it spent?",
    rows=(
        Row(
            "What is left of three days",
            (
                Panel(
                    "Errors that may still happen",
                    Unit.RATIO,
                    "slo:gateway_availability:budget_left_3d",
                    "1 is all of the budget; below 0 the promise of 99.9 % is broken and changes should wait.",
                ),
                Panel(
                    "Slow reads that may still happen",
                    Unit.RATIO,
                    "slo:gateway_latency:budget_left_3d",
                    "The same for the promise that 95 % of reads are quick.",
                ),
            ),
        ),
        Row(
            "How fast it is spent",
            (
                Panel(
                    "Burn rate of the availability",
                    Unit.COUNT,
                    _windows(AVAILABILITY, "0.001"),
                    "At 1 the budget lasts exactly its time. GatewayErrorBudgetBurn fires when a long and a short"
                    " window both burn too fast: the short one ends the alert soon after the fault.",
                    ("window",),
                ),
                Panel(
                    "Burn rate of the latency",
                    Unit.COUNT,
                    _windows(LATENCY, "0.05"),
                    "The same of reads that are too slow; GatewayLatencyBudgetBurn looks at it.",
                    ("window",),
                ),
            ),
        ),
        Row(
            "What it is made of",
            (
                Panel("Requests", Unit.REQUESTS, "slo:gateway_requests:rate5m", "All that customers ask."),
                Panel("Failed", Unit.REQUESTS, "slo:gateway_errors:rate5m", "Those answered with a 5xx."),
                Panel("Slow reads", Unit.REQUESTS, "slo:gateway_slow_reads:rate5m", "Those that took too long."),
            ),
        ),
    ),
)
