"""The report: a CronJob that adds the confirmed orders' events to the sales of their day, files on a claim.

It ends before anybody could scrape it, so it pushes its figures to the Pushgateway where there is one.
"""

from typing import Any

SALES = "/var/lib/report"


def report_values(pushgateway: str = "") -> dict[str, Any]:
    """Every ten minutes; how many days it prints is an argument, whose value stands in the ConfigMap.

    Args:
        pushgateway: the URL of the Pushgateway; empty pushes nothing.
    """
    pushed = {"PUSHGATEWAY_URL": pushgateway} if pushgateway else {}
    return {
        "schedule": "*/10 * * * *",
        "jobDeadlineSeconds": 300,
        "args": ["-m", "app.main", "--days", "$(REPORT_DAYS)"],
        "env": {"REPORT_DAYS": "7", "REPORT_FOLDER": SALES, **pushed},
        "claim": {"size": "256Mi", "path": SALES},
    }
