"""`make logs`: what is asked of the store, what is made of its answer, and what is said when there is none."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner

from infra.settings import Settings
from toolchain import cli, lifecycle, logs, programs
from toolchain.errors import ToolchainError
from toolchain.logs import Line

REQUEST = "0f8e3c1d.example:1"
AT = 1_764_319_611_123_456_789
TIME = "2025-11-28T08:46:51.123456789Z"


def row(**fields: str) -> bytes:
    """One line of the store's answer."""
    known = {"_time": TIME, "namespace": "shop", "service": "orders", "pod": "orders-1", "_msg": "plain"}
    return json.dumps(known | fields).encode()


@dataclass
class FakeStore:
    """VictoriaLogs with an answer that the test gives it.

    Attributes:
        rows: the lines of its answer.
        status: the answer's.
        asked: the queries that it got.
    """

    rows: list[bytes] = field(default_factory=list)
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def store() -> Iterator[FakeStore]:
    """It listens on the loopback while the test runs."""
    fake = FakeStore()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/select/logsql/query"
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fake.asked.append({key: values[0] for key, values in parse_qs(body).items()})
            answer = b"\n".join([*fake.rows, b""])
            self.send_response(fake.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """The test's output stays its own."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.port = server.server_port
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield fake
        server.shutdown()


def fake_kubectl(folder: Path, says: str, *, stays: bool = True) -> list[str]:
    """A program that says something, as `kubectl port-forward` does, and stays or ends. It notes how it was called."""
    script = folder / "kubectl.py"
    script.write_text(
        "import pathlib, sys, time\n"
        f"pathlib.Path({str(folder / 'called')!r}).write_text(' '.join(sys.argv[1:]))\n"
        f"print({says!r}, flush=True)\n"
        f"time.sleep({60 if stays else 0})\n"
    )
    return [sys.executable, str(script)]


@pytest.fixture
def kubectl(store: FakeStore, tmp_path: Path) -> list[str]:
    """A kubectl that leads to the fake store."""
    return fake_kubectl(tmp_path, f"Forwarding from 127.0.0.1:{store.port} -> 9428")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, kubectl: list[str]) -> None:
    """`make logs` asks the fake store."""
    monkeypatch.setattr(logs, "administrator", lambda: kubectl)


def test_every_line_of_a_request_is_printed_by_time_with_its_service_and_pod(
    here: None, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    said = json.dumps({"event": "paid", "level": "info", "request_id": REQUEST, "amount": "3.10"})
    store.rows = [
        row(_time="2025-11-28T08:46:52Z", service="payments", pod="payments-9", level="info", _msg=said),
        row(namespace="edge", service="gateway", pod="gateway-2"),
    ]
    logs.logs(REQUEST, "15m")
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["08:46:51.123456", "edge/gateway", "gateway-2", "-", "plain"]
    assert second.split() == ["08:46:52.000000", "shop/payments", "payments-9", "info", "paid", "amount=3.10"]
    (asked,) = store.asked
    assert asked["query"].startswith(f'request_id:="{REQUEST}" | fields _time, ')


def test_the_time_that_is_asked_for_ends_now(here: None, store: FakeStore) -> None:
    store.rows = [row()]
    logs.logs(REQUEST, "90s")
    since, until = (logs.parsed(row(_time=store.asked[0][name])).at for name in ("start", "end"))
    assert until - since == 91 * 10**9
    assert abs(until - time.time_ns()) < 30 * 10**9


def test_a_line_that_was_sent_twice_is_one_line(kubectl: list[str], store: FakeStore) -> None:
    """And two that differ in one nanosecond, or in their pod, are two."""
    store.rows = [row(), row(), row(_time="2025-11-28T08:46:51.12345679Z"), row(pod="orders-2")]
    with logs.forwarded(kubectl) as found:
        lines = found.lines("*", AT, AT + 1)
    assert lines == [
        Line(AT, "shop", "orders", "orders-1", "plain"),
        Line(AT, "shop", "orders", "orders-2", "plain"),
        Line(AT + 1, "shop", "orders", "orders-1", "plain"),
    ]


def test_the_way_to_the_store_is_forwarded_on_the_loopback_alone(
    kubectl: list[str], store: FakeStore, tmp_path: Path
) -> None:
    with logs.forwarded(kubectl) as found:
        found.lines("*", AT, AT)
    called = (tmp_path / "called").read_text()
    assert called == "--namespace observability port-forward --address=127.0.0.1 pod/victoria-logs-0 :9428"


@pytest.mark.parametrize("request_id", ["", "two words", 'x" or *', "x" * 129, "é", "line\nbreak", "$(id)"])
def test_what_is_no_id_is_refused_before_anything_is_asked(request_id: str) -> None:
    with pytest.raises(ToolchainError, match="is no request's id"):
        logs.logs(request_id)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400)])
def test_a_time_is_a_number_with_its_unit(text: str, seconds: int) -> None:
    assert logs.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "15", "-1h", "1d", "25h", "9999999s", "1h "])
def test_another_time_is_refused(text: str) -> None:
    with pytest.raises(ToolchainError, match="for example SINCE=15m"):
        logs.duration(text)


@pytest.mark.usefixtures("here", "store")
def test_when_nothing_is_found_it_says_where_ids_come_from() -> None:
    with pytest.raises(ToolchainError) as error:
        logs.logs(REQUEST, "15m")
    assert error.value.value == f"no line of request {REQUEST!r} in the last 15m"
    assert "X-Request-Id" in error.value.remedy


def test_a_store_that_refuses_is_quoted(here: None, store: FakeStore) -> None:
    store.status, store.rows = 400, [b"cannot parse \x1b[31mquery"]
    with pytest.raises(ToolchainError, match=r"400 cannot parse \\x1b\[31mquery"):
        logs.logs(REQUEST)


@pytest.mark.parametrize("answer", [b"no JSON", b"[1]", b"{}", b'{"_time": "soon"}', b'{"_time": 1}'])
def test_an_answer_of_another_shape_is_said_to_be_so(here: None, store: FakeStore, answer: bytes) -> None:
    store.rows = [answer]
    with pytest.raises(ToolchainError, match="an answer cannot be read"):
        logs.logs(REQUEST)


def test_an_answer_without_end_is_cut_off(here: None, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    store.rows = [row()] * 100
    with pytest.raises(ToolchainError, match="ask for less"):
        logs.logs(REQUEST)


def test_a_store_that_hangs_up_is_said_to_be_away(tmp_path: Path) -> None:
    nobody = fake_kubectl(tmp_path, "Forwarding from 127.0.0.1:1 -> 9428")
    with logs.forwarded(nobody) as found, pytest.raises(ToolchainError, match="the store does not answer"):
        found.lines("*", AT, AT)


def test_without_a_way_to_the_store_kubectl_is_quoted(tmp_path: Path) -> None:
    failed = fake_kubectl(tmp_path, 'Error from server (NotFound): pods "victoria-logs-0" not found', stays=False)
    quoted = r'no way to the store: Error from server .* "victoria-logs-0" not found'
    with pytest.raises(ToolchainError, match=quoted), logs.forwarded(failed):
        pass


def test_a_way_that_does_not_open_is_given_up(tmp_path: Path) -> None:
    with (
        pytest.raises(ToolchainError, match="error: upgrading connection"),
        logs.forwarded(fake_kubectl(tmp_path, "error: upgrading connection"), seconds=1),
    ):
        pass


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    shown = logs.shown(Line(AT, "lab", "x", "y", "\x1b[2Jgone\r\u202e\n"))
    assert shown.endswith("\\x1b[2Jgone\\r\\u202e\\n")


def test_kubectl_is_of_the_stack_s_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "ensure", lambda _: Path("/bin/kubectl"))
    monkeypatch.setattr(lifecycle, "settings", lambda: Settings(cluster="town"))
    assert logs.administrator() == ["/bin/kubectl", "--context", "kind-town"]
    values = {"target": "existing", "kubeconfig": "/a/config", "context": "two", "registry": "r.test/x"}
    monkeypatch.setattr(lifecycle, "settings", lambda: Settings.model_validate(values))
    assert logs.administrator() == ["/bin/kubectl", "--kubeconfig", "/a/config", "--context", "two"]


def test_make_hands_on_what_it_was_given_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """So no shell reads the id, whatever it holds."""
    called: list[tuple[str, str]] = []
    monkeypatch.setattr(logs, "logs", lambda request, since: called.append((request, since)))
    given = {"REQUEST": "$(id); x", "SINCE": "5m"}
    assert CliRunner().invoke(cli.app, ["logs"], env=given).exit_code == 0
    assert CliRunner().invoke(cli.app, ["logs", "one"], env={"REQUEST": "", "SINCE": ""}).exit_code == 0
    assert called == [("$(id); x", "5m"), ("one", "1h")]
    assert CliRunner().invoke(cli.app, ["logs"], env={"REQUEST": ""}).exit_code != 0
