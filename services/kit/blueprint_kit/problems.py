"""Problem documents (RFC 9457): the one shape of every error that a service answers with."""

import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from blueprint_kit.logs import current_request_id

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:blueprint:problem:"
RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""What RFC 9110 calls these. Python before 3.13 has their older names, and a type may not depend on the interpreter."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class Problem(HTTPException):
    """An error that becomes a problem document wherever it is raised while a request is served.

    `kind` is the problem's type without its prefix; without one it is made of the status's phrase. `extensions` are
    further members of the document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind or kind_of(status)
        self.extensions = extensions


def kind_of(status: int) -> str:
    """The problem type of a status that needs no more particular one: 404 is `not-found`."""
    return re.sub(r"[^a-z]+", "-", phrase_of(status).lower()).strip("-")


def phrase_of(status: int) -> str:
    """The phrase of an HTTP status as RFC 9110 has it, or `Error` when it is not registered."""
    try:
        return RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def document(problem: Problem, path: str, request_id: str | None) -> dict[str, Any]:
    """The members of the problem document: RFC 9457, section 3.1, then `request_id` and the problem's own."""
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.kind,
        "title": phrase_of(problem.status_code),
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": path,
    }
    if request_id is not None:
        members["request_id"] = request_id
    return members | problem.extensions


def encode(problem: Problem, path: str, request_id: str | None) -> bytes:
    """The document as JSON."""
    return json.dumps(document(problem, path, request_id), separators=(",", ":")).encode()


def response(problem: Problem, path: str) -> Response:
    """The response that says `problem` about the resource at `path`."""
    return Response(
        encode(problem, path, current_request_id()),
        status_code=problem.status_code,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | dict(problem.headers or {}),
    )


def handlers() -> dict[int | type[Exception], Handler]:
    """The exception handlers that make an application answer with problem documents only."""
    return {HTTPException: _http_exception, RequestValidationError: _validation_error}


async def _http_exception(request: Request, error: HTTPException) -> Response:
    problem = error if isinstance(error, Problem) else _explained(error, request)
    return response(problem, request.url.path)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    return response(invalid(error.errors()), request.url.path)


def invalid(errors: Sequence[Any]) -> Problem:
    """The problem of a request whose parts break their rules; `errors` as Pydantic lists them."""
    listed = [{"detail": str(item["msg"]), **_place(item["loc"])} for item in errors]
    noun = "rule" if len(listed) == 1 else "rules"
    return Problem(422, f"the request breaks {len(listed)} {noun}, see errors", kind="invalid-request", errors=listed)


def _place(location: Sequence[str | int]) -> dict[str, str]:
    """Where an error is: a JSON pointer into the body, or the name of a parameter and where that stands."""
    where, *rest = location
    if where == "body":
        return {"pointer": "#" + "".join("/" + _escaped(part) for part in rest)}
    return {"parameter": ".".join(str(part) for part in rest), "in": str(where)}


def _escaped(part: str | int) -> str:
    """A reference token of a JSON pointer (RFC 6901, section 3)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _explained(error: HTTPException, request: Request) -> Problem:
    if error.status_code == 404:
        detail = f"there is no resource at {request.url.path}"
    elif error.status_code == 405:
        detail = f"{request.method} is not allowed on {request.url.path}"
        return Problem(405, detail, headers={"Allow": ", ".join(allowed_methods(request))})
    else:
        detail = error.detail
    return Problem(error.status_code, detail, headers=error.headers)


def allowed_methods(request: Request) -> list[str]:
    """The methods that some route of the path takes (RFC 9110, section 15.5.6); Starlette names the first route's."""
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]
