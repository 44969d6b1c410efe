"""Targets that lie, hang, or answer with far too much, and the Prometheus of the image: a job's limits hold."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitoring.scraping.configuration import LIMITS
from monitoring.scraping.model import Files, Job, Limits
from monitoring.scraping.rendering import rendered_job, without_comments
from tests.image_programs import program

pytestmark = pytest.mark.image_program
START_SECONDS = 60
HOUR_MILLISECONDS = 3_600_000
LONG = "x" * 600
MANY = ",".join(f'l{number}="1"' for number in range(50))


def _answers() -> dict[str, str]:
    """What each target says, by its path."""
    an_hour_ago = int(time.time() * 1000) - HOUR_MILLISECONDS
    return {
        "honest": "honest 1\n",
        "huge": "# a comment that goes on\n" * 100_000,
        "exploding": "".join(f'exploding{{id="{number}"}} 1\n' for number in range(101)),
        "hanging": "hanging 1\n",
        "labelled": f"labelled{{{MANY}}} 1\n",
        "wordy": f'wordy{{said="{LONG}"}} 1\n',
        "backdated": f"backdated 1 {an_hour_ago}\n",
        "impostor": 'up{job="apiserver",instance="10.0.0.1:6443"} 1\n',
        "garbled": "this is { no metric\n",
    }


REFUSED = {
    "huge": "body size limit exceeded",
    "exploding": "sample limit exceeded",
    "hanging": "context deadline exceeded",
    "labelled": "label_limit exceeded",
    "wordy": "label_value_length_limit exceeded",
    "garbled": "invalid syntax",
}


class Target(BaseHTTPRequestHandler):
    """One server that is every target."""

    def do_GET(self) -> None:
        """Answers by the path."""
        name = self.path.strip("/")
        if name == "hanging":
            time.sleep(3)
        body = _answers()[name].encode()
        with contextlib.suppress(ConnectionError):  # Prometheus has hung up, as it shall
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Keeps quiet."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that has scraped each of them."""
    folder = tmp_path_factory.mktemp("prometheus")
    command = program("prometheus", folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file, port = _written(folder, server.server_address[1]), _free_port()
    flags = [f"--config.file={file}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    features = ["--enable-feature=extra-scrape-metrics", "--log.level=error"]
    with (
        subprocess.Popen([*command, *flags, *features]) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", trust_env=False, timeout=10) as client,
    ):
        try:
            _wait_until_scraped(client)
            yield client
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _written(folder: Path, port: int) -> Path:
    limits = Limits(samples=100, megabytes=1, seconds=1)
    made = without_comments(rendered_job(Job("trial", "a target on loopback", Files("none"), limits=limits)))
    del made["file_sd_configs"]
    found = {"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    jobs = [{**made, "job_name": name, "metrics_path": f"/{name}", **found} for name in _answers()]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s", **LIMITS}, "scrape_configs": jobs}))
    return file


def _wait_until_scraped(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert time.monotonic() < deadline, f"not every target was scraped within {START_SECONDS} s"
        time.sleep(0.5)
        try:
            targets = _targets(client)
        except httpx.TransportError:
            continue  # it is starting
        if len(targets) == len(_answers()) and all(one["health"] != "unknown" for one in targets.values()):
            time.sleep(2)  # a second scrape of each
            return


def _targets(client: httpx.Client) -> dict[str, dict[str, Any]]:
    found = client.get("targets").raise_for_status().json()["data"]["activeTargets"]
    return {one["labels"]["job"]: one for one in found}


def _query(client: httpx.Client, expression: str) -> list[dict[str, Any]]:
    return list(client.get("query", params={"query": expression}).raise_for_status().json()["data"]["result"])


@pytest.mark.parametrize(("name", "why"), REFUSED.items(), ids=REFUSED)
def test_what_a_bad_target_says_is_not_stored_and_its_scrape_has_failed(
    prometheus: httpx.Client, name: str, why: str
) -> None:
    """Nothing of it is stored. `up` is 0 at least at every second scrape: in Prometheus before 3.3 the scrape after one
    that went over its sample limit takes all samples for known ones, drops them, and counts as fine.

    Source: https://github.com/prometheus/prometheus/issues/16160
    """
    assert why in _error(prometheus, name)
    assert _query(prometheus, name) == []
    assert [one["value"][1] for one in _query(prometheus, f'min_over_time(up{{job="{name}"}}[10s])')] == ["0"]


def _error(client: httpx.Client, name: str) -> str:
    """Why the target's last scrape failed, or the one before."""
    for _ in range(20):
        said = str(_targets(client)[name]["lastError"])
        if said:
            return said
        time.sleep(0.2)
    return ""


def test_the_others_are_scraped_beside_them(prometheus: httpx.Client) -> None:
    assert _targets(prometheus)["honest"]["health"] == "up"
    assert [one["value"][1] for one in _query(prometheus, "honest")] == ["1"]


def test_a_sample_of_an_hour_ago_is_one_of_now(prometheus: httpx.Client) -> None:
    """With its own time it would be out of bounds, or fill a gap with what never was."""
    (found,) = _query(prometheus, "backdated[2h]")
    assert all(at > time.time() - 60 for at, _ in found["values"])


def test_nobody_speaks_for_another_job(prometheus: httpx.Client) -> None:
    assert _query(prometheus, 'up{job="apiserver"}') == []
    (claimed,) = _query(prometheus, 'up{exported_job="apiserver"}')
    assert claimed["metric"]["job"] == "impostor"


def test_how_near_a_target_is_to_its_limit_can_be_seen(prometheus: httpx.Client) -> None:
    """What the alert on a label explosion reads."""
    (limit,) = _query(prometheus, 'scrape_sample_limit{job="exploding"}')
    assert limit["value"][1] == "100"
