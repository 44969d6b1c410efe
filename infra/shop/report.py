"""The report: a CronJob that adds the confirmed orders' events to the sales of their day, files on a claim."""

from typing import Any

SALES = "/var/lib/report"


def report_values() -> dict[str, Any]:
    """Every ten minutes; how many days it prints is an argument, whose value stands in the ConfigMap."""
    return {
        "schedule": "*/10 * * * *",
        "jobDeadlineSeconds": 300,
        "args": ["-m", "app.main", "--days", "$(REPORT_DAYS)"],
        "env": {"REPORT_DAYS": "7", "REPORT_FOLDER": SALES},
        "claim": {"size": "256Mi", "path": SALES},
    }
