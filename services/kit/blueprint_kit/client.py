"""JSON requests to one other service. Owns what is a good answer; the way there is `blueprint_kit.outbound`'s."""

import json as encoding
from collections.abc import Collection
from typing import Any

import httpx

from blueprint_kit.outbound import CallPolicy, Upstream, UpstreamBroken, UpstreamTimeout
from blueprint_kit.problems import Problem


class UpstreamRefused(Problem):
    """502: the service answered with a status that its caller did not expect.

    `status` is that status, `problem` the answer's JSON object: a problem document, empty if it was none.
    """

    def __init__(self, upstream: str, status: int, problem: dict[str, Any]) -> None:
        detail = f"{upstream} answered with {status}"
        super().__init__(502, detail, kind="upstream-refused", upstream=upstream, upstream_status=status)
        self.status = status
        self.problem = problem


class Client:
    """What one process says to one service, whose `origin` is like `http://catalog.shop`. One per process and service.

    What is repeated is `blueprint_kit.outbound`'s say; the request's id goes with each.
    """

    def __init__(self, origin: str, policy: CallPolicy | None = None) -> None:
        self._name = origin.rstrip("/")
        self._origin = httpx.URL(self._name)
        self._upstream = Upstream(self._name, policy)

    async def request(
        self, method: str, path: str, *, json: object | None = None, accept: Collection[int] = (200,)
    ) -> httpx.Response:
        """The answer, read whole, of a status in `accept` and with a body that is JSON or empty.

        `path` is sent as it is, with its query, so what of it needs quoting is quoted. Raises UpstreamRefused for
        another status, and UpstreamBroken, UpstreamUnavailable or UpstreamTimeout when there is no answer.
        """
        headers = {"Accept": "application/json, application/problem+json"}
        url = self._origin.copy_with(raw_path=path.encode("ascii"))
        request = httpx.Request(method, url, headers=headers, json=json)
        response = await self._upstream.handle_async_request(request)
        body = await self._read(response)
        if response.status_code not in accept:
            raise UpstreamRefused(self._name, response.status_code, body if isinstance(body, dict) else {})
        if body is None and response.content:
            raise UpstreamBroken(self._name, "did not answer with JSON")
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def _read(self, response: httpx.Response) -> object:
        """Read the response's body; what it says as JSON, or None if it is none."""
        try:
            await response.aread()
        except httpx.TimeoutException as error:
            raise UpstreamTimeout(self._name, self._upstream.policy.read_seconds) from error
        except httpx.TransportError as error:
            raise UpstreamBroken(self._name, "broke the connection in the midst of its answer") from error
        finally:
            await response.aclose()
        try:
            found: object = encoding.loads(response.content)
        except ValueError:
            return None
        return found
