"""What a run comes to: its numbers, and whether it went well."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from locust.env import Environment


@dataclass(frozen=True)
class Verdict:
    """Whether a run went well, and each reason why not."""

    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it did."""
        return not self.reasons


def numbers(environment: Environment) -> Iterator[dict[str, Any]]:
    """The numbers of each kind of request, by name."""
    for (name, method), entry in sorted(environment.stats.entries.items()):
        yield {
            "method": method,
            "name": name,
            "count": entry.num_requests,
            "failures": entry.num_failures,
            "per_second": round(entry.total_rps, 2),
            "p50_ms": entry.get_response_time_percentile(0.5),
            "p95_ms": entry.get_response_time_percentile(0.95),
            "p99_ms": entry.get_response_time_percentile(0.99),
            "most_ms": round(entry.max_response_time, 1),
        }


def failures(environment: Environment) -> Iterator[dict[str, Any]]:
    """Each kind of failure, and how often it came."""
    for error in environment.stats.errors.values():
        yield {"method": error.method, "name": error.name, "error": str(error.error), "count": error.occurrences}


def verdict(environment: Environment, accepted: int, ended: int, *, interrupted: bool) -> Verdict:
    """Whether the run went well. `accepted` orders must all have come to an end."""
    total = environment.stats.total
    errors = environment.runner.exceptions if environment.runner is not None else {}
    reasons = {
        "nothing was asked": total.num_requests == 0,
        f"{total.num_failures} unexpected answers": total.num_failures > 0,
        f"{accepted - ended} accepted orders were not followed to their end": ended < accepted,
        "errors in the load generator itself": bool(errors),
        "interrupted before its end": interrupted,
    }
    return Verdict(tuple(reason for reason, holds in reasons.items() if holds))
