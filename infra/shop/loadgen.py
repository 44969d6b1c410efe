"""The load generator: realistic traffic on the gateway, in a Job that fails on any unexpected answer."""

from typing import Any

NEVER = "0 0 1 1 *"
"""A CronJob must have a time; suspended, it does not use it."""


def loadgen_values() -> dict[str, Any]:
    """A suspended CronJob: `kubectl create job --from=cronjob/loadgen` starts a run. A failed run is not repeated."""
    return {
        "schedule": NEVER,
        "suspend": True,
        "jobDeadlineSeconds": 3600,
        "jobBackoffLimit": 0,
        "args": ["-m", "app.main", "--users", "$(USERS)", "--run-time", "$(RUN_TIME)"],
        "env": {"GATEWAY_URL": "http://gateway.edge", "USERS": "20", "RUN_TIME": "60s"},
    }
