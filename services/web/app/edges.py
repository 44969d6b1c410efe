"""The edges of the topology: who talks to whom. Kubernetes does not know it, so a file says it.

    edges:
      - {from: gateway.edge, to: catalog.shop, protocol: HTTP}

Ends are `name.namespace`, as the cluster's DNS has them.
"""

from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blueprint_kit.settings import Refusal, SettingsError

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
End = Annotated[str, Field(pattern=rf"^{LABEL}\.{LABEL}$")]


class Edge(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: End = Field(alias="from")
    target: End = Field(alias="to")
    protocol: str = Field(min_length=1, max_length=20)


class Edges(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: tuple[Edge, ...]


def parse_edges(text: str) -> tuple[Edge, ...]:
    """The edges of the file's `text`. Raises SettingsError with every line that is refused."""
    try:
        return Edges.model_validate(yaml.safe_load(text)).edges
    except yaml.YAMLError as error:
        raise SettingsError([_refusal("the topology file", f"must be YAML ({error})")]) from error
    except ValidationError as error:
        places = [(".".join(map(str, item["loc"])) or "the topology file", item) for item in error.errors()]
        refusals = [_refusal(f"{place}={str(item['input'])[:100]!r}", item["msg"]) for place, item in places]
        raise SettingsError(refusals) from None


def _refusal(value: str, rule: str) -> Refusal:
    return Refusal(value, rule, "mend the topology file, see app/edges.py")
