"""The notifications: one receipt for each confirmed order, a file on a claim."""

from typing import Any

RECEIPTS = "/var/lib/notifications"


def notifications_values() -> dict[str, Any]:
    """One pod with its claim. During a rollout two share the folder, on the node that has it."""
    return {
        "replicas": 1,
        "env": {"RECEIPTS_FOLDER": RECEIPTS},
        "claim": {"size": "256Mi", "path": RECEIPTS},
    }
