"""`make logs REQUEST=<id>`: every line of one request, of all services, in the order of time.

The store is asked by `kubectl port-forward`: who may forward a port in `observability` may read logs, and nobody else.
The API server's proxy would need the store to be open to the control plane's address, which any process of that node
has; and `exec` would need a program in the store's image, which has none but the store.
"""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from infra.settings import Target
from monitoring.logs.agent import REQUEST_ID
from monitoring.logs.store import KEPT_HOURS, PORT
from toolchain import lifecycle, programs
from toolchain.errors import ToolchainError
from toolchain.progress import console

NAMESPACE, POD = "observability", "victoria-logs-0"
FORWARD_SECONDS = 20
QUERY_SECONDS = 40
MOST_BYTES = 256 * 1024 * 1024
SINCE = "1h"
_UNITS = {"s": 1, "m": 60, "h": 3600}
_SECOND = 10**9
_FIELDS = "_time, namespace, service, pod, level, _msg"
_SAID_ALREADY = frozenset({"event", "level", "timestamp", "request_id", "service", "version"})
_REMEDY = "`kubectl --namespace observability get pods` says how the store is; `make up` mends it"


@dataclass(frozen=True, order=True)
class Line:
    """One line of a log.

    Attributes:
        at: nanoseconds since 1970, from the container runtime.
        namespace: where it was written.
        service: by whom.
        pod: by which of its pods; empty for the audit log.
        text: the line as it was written.
        level: what the line says of itself, if it does.
    """

    at: int
    namespace: str
    service: str
    pod: str
    text: str
    level: str = ""


@dataclass(frozen=True)
class LogStore:
    """VictoriaLogs at a port of the loopback."""

    http: httpx.Client

    def lines(self, query: str, since: int, until: int) -> list[Line]:
        """Every line that the query finds between two times (nanoseconds), each once, the earliest first.

        What an agent sent again after it was killed has the same time, pod and text, and so is the same line.

        Raises:
            ToolchainError: the store does not answer, refuses the query, or finds more than 256 MiB.
        """
        asked = {"query": f"{query} | fields {_FIELDS}", "start": _rfc3339(since), "end": _rfc3339(until)}
        try:
            with self.http.stream("POST", "/select/logsql/query", data=asked) as answer:
                body = _bounded(answer)
        except httpx.HTTPError as error:
            raise ToolchainError(f"the store does not answer: {error!r}", "it answers a query", _REMEDY) from None
        if answer.status_code != 200:
            said = printable(body[:300].decode(errors="replace").strip())
            raise ToolchainError(f"it refuses {query}: {answer.status_code} {said}", "it answers a query", _REMEDY)
        return sorted({parsed(one) for one in body.split(b"\n") if one})


def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    for part in answer.iter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise ToolchainError(
                "the query finds more than 256 MiB", "an answer fits into memory", "ask for less: a shorter SINCE"
            )
    return bytes(body)


def logs(request: str, since: str = SINCE) -> None:
    """Prints every line of one request, of all services.

    Args:
        request: its id, as the header X-Request-Id of the answer has it.
        since: how far back to look: a number with s, m or h.

    Raises:
        ToolchainError: the id or the time is not valid, the store is away, or no line was found.
    """
    query, seconds = request_query(request), duration(since)
    now = time.time_ns()
    with forwarded(administrator()) as store:
        lines = store.lines(query, now - seconds * _SECOND, now + _SECOND)
    if not lines:
        raise ToolchainError(
            f"no line of request {request!r} in the last {since}",
            f"a request's lines are found within 10 s, for {KEPT_HOURS} h",
            f"compare the id with the header X-Request-Id of the answer, or look further back: SINCE={KEPT_HOURS}h",
        )
    for line in lines:
        print(shown(line))  # standard output, so that it can be piped
    console.print(f"{len(lines)} lines of {len({(line.namespace, line.service) for line in lines})} services")


def request_query(request: str) -> str:
    """The query (LogsQL) for a request's lines, wherever they were written.

    Raises:
        ToolchainError: no request has such an id.
    """
    if not re.fullmatch(REQUEST_ID, request):
        raise ToolchainError(
            f"{request[:200]!r} is no request's id",
            f"an id matches {REQUEST_ID}",
            "`make logs REQUEST=<id>`, with the id of the answer's header X-Request-Id",
        )
    return f'request_id:="{request}"'


def duration(text: str) -> int:
    """Seconds of a text such as `90s`, `15m` or `24h`.

    Raises:
        ToolchainError: it is no such text, or longer than logs are kept.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smh])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= KEPT_HOURS * 3600:
        rule = f"a number with s, m or h, at most {KEPT_HOURS}h"
        raise ToolchainError(f"SINCE={text[:50]!r}", rule, "for example SINCE=15m")
    return seconds


def parsed(row: bytes) -> Line:
    """One line of an answer: a JSON object of texts; a field that a line has not is left out.

    Source: https://docs.victoriametrics.com/victorialogs/querying/#querying-logs

    Raises:
        ToolchainError: it is of another shape.
    """
    try:
        field = json.loads(row)
        who = (str(field.get(name, "")) for name in ("namespace", "service", "pod", "_msg", "level"))
        return Line(_nanoseconds(field["_time"]), *who)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = printable(row[:200].decode(errors="replace"))
        raise ToolchainError(f"an answer cannot be read ({error!r}): {said}", "it is a line of JSON", _REMEDY) from None


def _nanoseconds(text: str) -> int:
    """Of a time such as 2026-11-28T08:46:51.123456789Z; Python's own times end at microseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * _SECOND + int(fraction.ljust(9, "0"))


def _rfc3339(nanoseconds: int) -> str:
    whole = datetime.fromtimestamp(nanoseconds // _SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{nanoseconds % _SECOND:09}Z"


def shown(line: Line) -> str:
    """One line for a terminal: when, who, which pod, how grave, and what; of JSON the event first, then the rest."""
    who = f"{line.namespace}/{line.service}"
    at = _rfc3339(line.at)[11:26]
    return printable(f"{at}  {who:24} {line.pod or '-':40} {line.level or '-':8} {_said(line.text)}")


def _said(text: str) -> str:
    try:
        fields: Any = json.loads(text)
    except ValueError:
        return text  # not every program writes JSON
    if not isinstance(fields, dict) or "event" not in fields:
        return text
    rest = [f"{key}={value}" for key, value in fields.items() if key not in _SAID_ALREADY]
    return " ".join([str(fields["event"]), *rest])


def printable(text: str) -> str:
    """The text without what could steer a terminal: others wrote it."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def administrator() -> list[str]:
    """kubectl with the options that make it the administrator of the stack's cluster."""
    chosen, kubectl = lifecycle.settings(), str(programs.ensure("kubectl"))
    if chosen.target is Target.KIND:
        return [kubectl, "--context", f"kind-{chosen.cluster}"]
    return [kubectl, "--kubeconfig", str(chosen.kubeconfig), *(["--context", chosen.context] if chosen.context else [])]


@contextmanager
def forwarded(kubectl: Sequence[str], seconds: float = FORWARD_SECONDS) -> Iterator[LogStore]:
    """The store at a free port of the loopback, while the body of the `with` runs.

    Args:
        kubectl: the program and the options that say which cluster, and as whom.
        seconds: how long the way there may take.

    Raises:
        ToolchainError: there is no way: the cluster, the store's pod or the right is missing.
    """
    command = [*kubectl, "--namespace", NAMESPACE, "port-forward", "--address=127.0.0.1", f"pod/{POD}", f":{PORT}"]
    with tempfile.TemporaryDirectory(prefix="blueprint-logs-") as folder:
        said = Path(folder) / "said"
        with said.open("w") as file:
            running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{_port(running, said, seconds)}"
            with httpx.Client(base_url=url, timeout=QUERY_SECONDS, trust_env=False) as http:
                yield LogStore(http)
        finally:
            running.kill()
            running.wait(timeout=10)


def _port(running: subprocess.Popen[bytes], said: Path, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        ended = running.poll() is not None
        text = said.read_text()
        if found := re.search(r"Forwarding from 127\.0\.0\.1:(\d+) ->", text):
            return int(found[1])
        if ended or time.monotonic() > deadline:
            last = printable(" ".join(text.split())[-300:]) or f"nothing within {seconds:.0f} s"
            raise ToolchainError(f"no way to the store: {last}", f"a port leads to {NAMESPACE}/{POD}", _REMEDY)
        time.sleep(0.1)
