"""The graphs of the page: a file gives each a name and its query, and the page sends names alone.

    {"graphs": [{"name": "requests", "title": "Requests", "unit": "requests/s", "why": "…",
                 "query": "sum by (service) (…)", "by": ["service"]}]}

The file is rendered from monitoring/dashboards/page.py, so the page and the dashboards cannot differ.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from blueprint_kit.settings import Refusal, SettingsError

NAME = r"^[a-z][a-z0-9-]{0,39}$"
MOST_GRAPHS = 12
"""Each may ask Prometheus every few seconds."""


class Graph(BaseModel):
    """One graph: what it is called, and what Prometheus is asked for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME)
    title: str = Field(min_length=1, max_length=100)
    unit: str = Field(max_length=30)
    why: str = Field(max_length=300)
    query: str = Field(min_length=1, max_length=2000)
    by: tuple[Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], ...] = ()


def _once(graphs: tuple[Graph, ...]) -> tuple[Graph, ...]:
    if len({graph.name for graph in graphs}) < len(graphs):
        raise ValueError("each name may stand there once")
    return graphs


class Graphs(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    graphs: Annotated[tuple[Graph, ...], Field(max_length=MOST_GRAPHS), AfterValidator(_once)]


def parse_graphs(text: str) -> tuple[Graph, ...]:
    """The graphs of the file's `text`. Raises SettingsError with every line that is refused."""
    try:
        return Graphs.model_validate_json(text).graphs
    except ValidationError as error:
        raise SettingsError([_refusal(item["loc"], str(item["msg"])) for item in error.errors()]) from None


def _refusal(location: tuple[int | str, ...], rule: str) -> Refusal:
    place = ".".join(map(str, location)) or "the file of graphs"
    return Refusal(place, rule, "mend the file of graphs, see app/graphs.py")
