"""The runtime shim asks runc for nothing that the host lacks, and changes nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import oci_shim

ALL = "CapBnd:\t000001ffffffffff\n"
NO_SYS_RESOURCE = "Name:\tsh\nCapBnd:\t000001fffeffffff\nSeccomp:\t0\n"
PROCESS = {
    "args": ["sh"],
    "oomScoreAdj": -500,
    "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]},
}


def test_a_full_bounding_set_lacks_nothing() -> None:
    assert oci_shim.lacking(ALL) == set()


def test_the_lacking_capability_is_named() -> None:
    assert oci_shim.lacking(NO_SYS_RESOURCE) == {"CAP_SYS_RESOURCE"}


def test_every_capability_set_loses_what_the_host_lacks_and_keeps_the_rest() -> None:
    mended = oci_shim.mend_process(PROCESS, oci_shim.bounding_set(NO_SYS_RESOURCE))
    assert mended == {"args": ["sh"], "oomScoreAdj": 0, "capabilities": {"bounding": ["CAP_CHOWN"], "effective": []}}


@pytest.mark.parametrize("process", [{"args": ["sh"]}, {"oomScoreAdj": 300}, {"capabilities": None}])
def test_a_process_that_asks_for_nothing_special_stays_as_it_is(process: dict[str, object]) -> None:
    assert oci_shim.mend_process(process, set()) == process


def test_a_config_without_a_process_stays_as_it_is() -> None:
    assert oci_shim.mend_config({"ociVersion": "1.0.2"}, set()) == {"ociVersion": "1.0.2"}


@pytest.mark.parametrize("written", [["--bundle", "/b"], ["--bundle=/b"], ["-b", "/b"]])
def test_an_option_is_found_however_it_is_written(written: list[str]) -> None:
    assert oci_shim.option(["create", *written, "name"], "--bundle", "-b") == "/b"


@pytest.mark.parametrize("verb", ["create", "run"])
def test_create_and_run_rewrite_the_bundle(tmp_path: Path, verb: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"process": PROCESS, "root": {"path": "rootfs"}}))
    config.chmod(0o600)
    oci_shim.mend_call(["--root", "/run", verb, "--bundle", str(tmp_path), "id"], NO_SYS_RESOURCE)
    after = json.loads(config.read_text())
    assert after["process"]["capabilities"]["bounding"] == ["CAP_CHOWN"]
    assert after["root"] == {"path": "rootfs"}
    assert config.stat().st_mode & 0o777 == 0o600


def test_exec_rewrites_its_process_file(tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(json.dumps(PROCESS))
    oci_shim.mend_call(["exec", "--process", str(file), "id"], NO_SYS_RESOURCE)
    assert json.loads(file.read_text())["oomScoreAdj"] == 0


@pytest.mark.parametrize("call", [["state", "id"], ["delete", "id"], ["exec", "id", "sh"]])
def test_other_calls_touch_no_file(call: list[str]) -> None:
    oci_shim.mend_call(call, NO_SYS_RESOURCE)


def test_it_stands_alone_and_becomes_runc(tmp_path: Path) -> None:
    """As Docker starts it: isolated, without site packages. `echo` stands in for runc."""
    program = tmp_path / "shim"
    program.write_text(Path(oci_shim.__file__).read_text())
    done = subprocess.run(
        [sys.executable, "-IS", str(program), "state", "id"],
        env={"BLUEPRINT_RUNC": "/bin/echo"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "state id\n"
