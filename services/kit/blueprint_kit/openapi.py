"""What a service's OpenAPI says about its errors: by status, each a problem document.

router = APIRouter(responses=problem_responses())

@router.get("/products/{sku}", responses=problem_responses(404))
"""

from typing import Any

from blueprint_kit.problems import MEDIA_TYPE, phrase_of

# What any operation may answer before its service's own code runs, by its app, `limits` and `server`.
EVERYWHERE = (400, 408, 413, 414, 415, 422, 431, 503)

DOCUMENT: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "a problem document (RFC 9457); each kind of problem may have further members",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:blueprint:problem:[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
    },
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a FastAPI router or operation that may answer with problems of `statuses`.

    Those of every operation are among them, so FastAPI does not add its own shape of 422.
    """
    content = {MEDIA_TYPE: {"schema": DOCUMENT}}
    return {
        status: {"description": phrase_of(status), "content": content} for status in sorted({*EVERYWHERE, *statuses})
    }
