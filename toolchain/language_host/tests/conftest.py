"""What the host's tests share: a call's context, and a virtual environment."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from toolchain.language_host.tests.engine import Engine, serving


class AbortedError(Exception):
    """The call ended with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code, self.details = code, details


class Context:
    """A call as gRPC shows it to the host: the client may go away, and the host may abort."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    def is_active(self) -> bool:
        """Whether the client still waits."""
        return not self.gone.is_set()

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call."""
        raise AbortedError(code, details)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture(scope="module")
def _serving() -> Iterator[Engine]:
    with serving() as engine:
        yield engine


@pytest.fixture
def engine(_serving: Engine) -> Engine:
    """An engine that has heard nothing yet."""
    _serving.registered.clear()
    _serving.outputs.clear()
    _serving.errors.clear()
    return _serving


@pytest.fixture
def virtualenv(tmp_path: Path) -> Callable[[str], Path]:
    """Makes `<tmp_path>/.venv`, whose Python is the given script, or this one."""

    def make(python: str = "") -> Path:
        folder = tmp_path / ".venv"
        (folder / "bin").mkdir(parents=True)
        script = folder / "bin" / "python"
        script.write_text(python or f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        script.chmod(0o755)
        return folder

    return make
