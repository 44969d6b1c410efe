"""The route table: which path goes to which service, within which limits.

    routes:
      - path: /api/products
        upstream: http://catalog.shop/products
        methods: [GET, HEAD]
      - path: /
        upstream: http://web.edge

The longest path that equals the request's, or ends where one of its segments does, wins; what follows is appended.
So `/` serves all that no other route does.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from blueprint_kit.settings import Refusal, SettingsError

REMEDY = "mend the file that ROUTES_FILE names, see app/table.py"

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Route(BaseModel):
    """One line of the table. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(pattern=r"^(/|(/[A-Za-z0-9._~-]+)+)$")]
    upstream: str
    methods: tuple[Method, ...] = Field(("GET", "HEAD"), min_length=1)
    timeout_seconds: float = Field(10, gt=0, le=300)
    body_limit_bytes: int = Field(1_048_576, ge=0)

    @field_validator("upstream")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http or https URL with a host, such as http://catalog.shop/products")
        if parts.query or parts.fragment or parts.username is not None or parts.port == 0:
            raise ValueError("must have no query, fragment, user or port 0")
        return value.rstrip("/")

    @property
    def origin(self) -> str:
        """Scheme and authority of the upstream: what one circuit breaker and one set of connections are for."""
        parts = urlsplit(self.upstream)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """What paths that this route serves begin with, up to a segment's end."""
        return self.path.rstrip("/")

    def serves(self, path: str) -> bool:
        """Whether a normalized path is this route's, or below it."""
        return path == self.path or path.startswith(self.prefix + "/")

    def target(self, path: str) -> str:
        """The path to ask the upstream for when the client asks for `path`, which this route serves."""
        return (urlsplit(self.upstream).path + path[len(self.prefix) :]) or "/"


class Table(BaseModel):
    """All routes, checked together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    routes: tuple[Route, ...] = Field(min_length=1)

    @field_validator("routes")
    @classmethod
    def _no_path_twice(cls, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        paths = [route.path for route in routes]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        if twice:
            raise ValueError(f"each path must stand once; twice: {', '.join(twice)}")
        return routes

    def find(self, path: str) -> Route | None:
        """The route that serves a normalized path, if any does."""
        serving = [route for route in self.routes if route.serves(path)]
        return max(serving, key=lambda route: len(route.path), default=None)

    def origins(self) -> list[str]:
        """The upstreams' origins, each once, in order."""
        return sorted({route.origin for route in self.routes})


def parse_table(text: str) -> Table:
    """The route table in the file's `text`. Raises SettingsError with every line that is refused."""
    try:
        return Table.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise SettingsError([Refusal("the route table", f"must be YAML ({error})", REMEDY)]) from error
    except ValidationError as error:
        raise SettingsError([_refusal(item["loc"], item) for item in error.errors()]) from None


def _refusal(location: Sequence[str | int], item: Any) -> Refusal:
    place = ".".join(str(part) for part in location) or "the route table"
    value = place if item["type"] == "missing" else f"{place}={str(item['input'])[:100]!r}"
    return Refusal(value, str(item["msg"]).removeprefix("Value error, "), REMEDY)
