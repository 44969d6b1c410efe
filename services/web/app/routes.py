"""The topology's resource."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response

from app.cached import Cached
from app.topology import Topology
from blueprint_kit.openapi import problem_responses

router = APIRouter(responses=problem_responses())


def topology_of(request: Request) -> Cached[Topology]:
    """The topology that the application reads."""
    return cast(Cached[Topology], request.app.state.topology)


@router.head("/topology", include_in_schema=False)
@router.get("/topology")
async def get_topology(cached: Annotated[Cached[Topology], Depends(topology_of)], response: Response) -> Topology:
    """What runs now, at most a second old."""
    response.headers["Cache-Control"] = "no-store"
    return await cached.get()
