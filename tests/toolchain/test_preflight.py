"""What the host must offer is checked, and each refusal names value, rule and remedy."""

import socket
from pathlib import Path

import pytest

from toolchain import preflight
from toolchain.errors import ToolchainError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_little_memory_is_refused() -> None:
    with pytest.raises(ToolchainError, match=r"2\.0 GiB of memory available") as refused:
        preflight.check_memory("MemTotal: 1 kB\nMemAvailable: 2097152 kB\n")
    assert "need 5 GiB" in refused.value.rule


def test_enough_memory_is_accepted() -> None:
    preflight.check_memory("MemAvailable: 8388608 kB\n")


def test_little_disk_is_refused() -> None:
    with pytest.raises(ToolchainError, match="need 28 GiB"):
        preflight.check_disk(free_bytes=10 * preflight.GIB)


def test_less_disk_is_enough_once_the_programs_are_built(tmp_path: Path) -> None:
    (tmp_path / "blueprint" / "programs").mkdir(parents=True)
    preflight.check_disk(free_bytes=10 * preflight.GIB)


def test_a_taken_port_is_refused_with_the_way_to_choose_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ToolchainError, match=f"port {port} of 127.0.0.1 is taken") as refused:
            preflight.check_port(port, "blueprint:gatewayPort", "BLUEPRINT_GATEWAY_PORT")
    assert "BLUEPRINT_GATEWAY_PORT=<port> make up" in refused.value.remedy


def test_a_free_port_is_accepted() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    preflight.check_port(port, "blueprint:gatewayPort", "BLUEPRINT_GATEWAY_PORT")
