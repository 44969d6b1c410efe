"""The sales report: what a Job that has ended left at the Pushgateway."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

REPORT = Dashboard(
    name="report",
    title="Sales report",
    why="What was sold, and is that number fresh?",
    rows=(
        Row(
            "Sales",
            (
                Panel(
                    "Confirmed orders by day",
                    Unit.COUNT,
                    "max by (day) (report_orders)",
                    "As the event log tells it, not as the databases do: both must agree.",
                    ("day",),
                ),
                Panel(
                    "Amount by day",
                    Unit.MONEY,
                    "max by (day, currency) (report_sales_amount)",
                    "In the unit of each currency; currencies are not added up.",
                    ("day", "currency"),
                ),
            ),
        ),
        Row(
            "Freshness",
            (
                Panel(
                    "Age of the report",
                    Unit.SECONDS,
                    "time() - max(report_last_success_timestamp_seconds)",
                    "A pushed number stays for ever; only its age says that the Job still runs.",
                ),
            ),
        ),
    ),
)
