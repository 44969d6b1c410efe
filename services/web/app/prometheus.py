"""Prometheus' HTTP API, asked for the last quarter of an hour of one query.

What it answers is bounded and checked before anything of it is shown.
https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

from blueprint_kit.breaker import BreakerPolicy
from blueprint_kit.logs import logger
from blueprint_kit.outbound import CallPolicy, Upstream, UpstreamBroken, UpstreamTimeout

STEP_SECONDS = 15
"""How often Prometheus scrapes: points that are nearer to each other would say nothing more."""
RANGE_SECONDS = 15 * 60
MOST_LINES = 12
MOST_BYTES = 512 * 1024
ATTEMPTS = 3
# The page asks for a few graphs each 5 s, far fewer calls than the kit's own policy waits for before it opens.
BREAKER = BreakerPolicy(least=4, window_seconds=30, open_seconds=5)

log = logger(__name__)


class _Series(BaseModel):
    """One series of the answer: its labels, and pairs of a time and a number in words."""

    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Matrix(BaseModel):
    resultType: Literal["matrix"]  # noqa: N815 - Prometheus' name
    result: list[_Series]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Matrix


class Line(BaseModel):
    """One line: its name, and a number or nothing for each step."""

    label: str
    values: list[float | None]


class Range(BaseModel):
    """What a query gave: lines over the times `start`, `start + step`, … in seconds since 1970."""

    start: int
    step: Annotated[int, Field(gt=0)] = STEP_SECONDS
    lines: list[Line]
    left_out: int = Field(0, description="how many lines there are beside these")


class Prometheus:
    """A client of the Prometheus at `origin`, with a time limit and a circuit breaker."""

    def __init__(self, origin: str, seconds: float) -> None:
        self._origin = origin
        self._seconds = seconds
        policy = CallPolicy(read_seconds=seconds, head_seconds=seconds, attempts=ATTEMPTS, breaker=BREAKER)
        self._upstream = Upstream(origin, policy)

    async def range(self, query: str, by: Sequence[str], now: float) -> Range:
        """The query's lines up to `now`, named by their labels `by`.

        Raises UpstreamTimeout, UpstreamUnavailable, or UpstreamBroken if the answer is none.
        """
        end = int(now // STEP_SECONDS) * STEP_SECONDS  # the same times for all who ask within a step
        start = end - RANGE_SECONDS
        times = {"start": str(start), "end": str(end), "step": str(STEP_SECONDS)}
        asked = {"query": query, **times, "timeout": f"{self._seconds:g}s"}
        request = httpx.Request("GET", f"{self._origin}/api/v1/query_range", params=asked)
        response = await self._upstream.handle_async_request(request)
        status, body = response.status_code, await self._body(response)
        found = _series(body) if status == 200 else None
        if found is None:
            log.warning("no series", query=query, status=status, answer=body[:500].decode(errors="replace"))
            raise UpstreamBroken(self._origin, f"answered with {status} and no series")
        return range_of([(_label(series.metric, by), series.values) for series in found], start, end)

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        """The body, which is given up when it takes too long or is too long."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise UpstreamBroken(self._origin, f"answered with more than {MOST_BYTES} bytes")
        except (TimeoutError, httpx.TimeoutException) as error:
            raise UpstreamTimeout(self._origin, self._seconds) from error
        except httpx.TransportError as error:
            raise UpstreamBroken(self._origin, "broke the connection in the midst of its answer") from error
        finally:
            await response.aclose()
        return bytes(body)


def _series(body: bytes) -> list[_Series] | None:
    """The series of an answer, or None if it has none of the form."""
    try:
        return _Answer.model_validate_json(body).data.result
    except ValidationError:
        return None


def range_of(found: Sequence[tuple[str, Sequence[tuple[float, str]]]], start: int, end: int) -> Range:
    """The series on the grid of times, by name. Of too many to tell apart, those that come highest."""
    lines = [Line(label=label, values=_on_grid(values, start, end)) for label, values in found]
    kept = sorted(lines, key=_peak, reverse=True)[:MOST_LINES]
    return Range(start=start, lines=sorted(kept, key=lambda line: line.label), left_out=len(lines) - len(kept))


def _peak(line: Line) -> float:
    return max((value for value in line.values if value is not None), default=-math.inf)


def _on_grid(values: Sequence[tuple[float, str]], start: int, end: int) -> list[float | None]:
    """A number for each step. What is missing, and what is no number that JSON has (NaN, Inf), is None."""
    known = {round(at): _number(text) for at, text in values}
    return [known.get(at) for at in range(start, end + 1, STEP_SECONDS)]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _label(metric: dict[str, str], by: Sequence[str]) -> str:
    return " ".join(metric[label] for label in by if metric.get(label))[:100]
