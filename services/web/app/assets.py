"""The page and its files, read once at the start: they are part of the image and never change while it runs.

Every browser asks whether its copy is still good (`no-cache` and an ETag of the content), so a new version is seen at
once and whole, and an unchanged one costs no body.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from blueprint_kit.problems import Problem

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Only what this service itself serves, no script or style in the page's text, and no script from strings.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    content: bytes
    media_type: str
    etag: str


def load_assets(folder: Path = STATIC) -> dict[str, Asset]:
    """All files of `folder` by name. Raises KeyError for a kind of file that has no media type here."""
    return {path.name: _asset(path) for path in sorted(folder.iterdir())}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, MEDIA_TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def asset_routes(assets: Mapping[str, Asset]) -> APIRouter:
    """`/`, the page, and `/static/<file>`. They are for browsers, so the OpenAPI document does not list them."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        """The page."""
        return answer(request, assets[PAGE])

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        """One of its files."""
        if name not in assets or name == PAGE:
            raise Problem(404, f"there is no file {name}")
        return answer(request, assets[name])

    return router


def answer(request: Request, asset: Asset) -> Response:
    """The file, or 304 to a browser that has it (RFC 9110, section 13.1.2)."""
    headers = HEADERS | {"ETag": asset.etag}
    if same(request.headers.get("if-none-match", ""), asset.etag):
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def same(if_none_match: str, etag: str) -> bool:
    """Whether the field lists the ETag, weakly compared: a proxy that compresses may have weakened it."""
    listed = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return bool(listed & {"*", etag})
