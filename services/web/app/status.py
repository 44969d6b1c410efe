"""How the shop does, for the page: which graphs there are, and the numbers of one.

Owns how often Prometheus is asked, however many look at the page.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from app.cached import Cached
from app.graphs import NAME, Graph, parse_graphs
from app.prometheus import Prometheus, Range
from blueprint_kit.openapi import problem_responses
from blueprint_kit.problems import Problem
from blueprint_kit.reloading import ReloadedFile

CACHE_SECONDS = 5.0

router = APIRouter(prefix="/status", responses=problem_responses())


class Described(BaseModel):
    """A graph without its numbers, and without its query, which is nobody's matter."""

    name: str
    title: str
    unit: str
    why: str


class Listed(BaseModel):
    """All graphs; none where there is no Prometheus to ask."""

    items: list[Described]


class Drawn(Described, Range):
    """A graph with its numbers."""


class Status:
    """The graphs that `file` names and the Prometheus that knows their numbers, asked once in 5 s for each graph."""

    def __init__(self, file: Path, prometheus: Prometheus, clock: Callable[[], float] = time.time) -> None:
        self._file = ReloadedFile(file, parse_graphs)
        self._prometheus = prometheus
        self._clock = clock
        self._cached: dict[Graph, Cached[Range]] = {}

    def graphs(self) -> tuple[Graph, ...]:
        """The graphs, in the file's order."""
        return self._file.value

    async def range(self, graph: Graph) -> Range:
        """The numbers of a graph, at most 5 s old; a failure too is told to all who ask within them."""
        self._cached = {one: cached for one, cached in self._cached.items() if one in self.graphs()}
        cached = self._cached.setdefault(graph, Cached(lambda: self._ask(graph), CACHE_SECONDS))
        return await cached.get()

    async def watch(self) -> NoReturn:
        """Take over each new content of the file, until cancelled."""
        await self._file.watch()

    async def close(self) -> None:
        """End what is under way."""
        for cached in self._cached.values():
            await cached.close()
        await self._prometheus.close()

    async def _ask(self, graph: Graph) -> Range:
        return await self._prometheus.range(graph.query, graph.by, self._clock())


def status_of(request: Request) -> Status | None:
    """What the application asks; None where no Prometheus is configured."""
    return cast(Status | None, request.app.state.status)


Asked = Annotated[Status | None, Depends(status_of)]


@router.head("", include_in_schema=False)
@router.get("")
async def list_graphs(status: Asked, response: Response) -> Listed:
    """The graphs that can be asked for."""
    response.headers["Cache-Control"] = "no-store"
    graphs = status.graphs() if status else ()
    return Listed(items=[Described.model_validate(graph, from_attributes=True) for graph in graphs])


@router.head("/series", include_in_schema=False)
@router.get("/series", responses=problem_responses(404, 502, 504))
async def get_series(
    status: Asked,
    response: Response,
    name: Annotated[str, Query(pattern=NAME, description="of the graph", examples=["requests"])],
) -> Drawn:
    """The numbers of one graph over the last quarter of an hour."""
    response.headers["Cache-Control"] = "no-store"
    graph = next((one for one in status.graphs() if one.name == name), None) if status else None
    if status is None or graph is None:
        raise Problem(404, f"there is no graph {name}")
    found = await status.range(graph)
    described = graph.model_dump(include={"name", "title", "unit", "why"})
    return Drawn(**described, **found.model_dump())
