"""The container engine. A running Docker is used; else, as root on Debian or Ubuntu, Debian's is installed and started.

Owns the Docker daemon it started, that daemon's files and the OCI runtime shim. Containers are their makers' matter.
"""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from toolchain import debian_packages, oci_shim
from toolchain.errors import ToolchainError
from toolchain.progress import step

PACKAGES: Mapping[str, str] = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "iptables": "iptables",
    "ip": "iproute2",
}
RUN = Path("/run/blueprint")
LOG = Path("/var/log/blueprint-dockerd.log")
PID_FILE = RUN / "dockerd.pid"
SHIM = Path("/var/lib/blueprint/oci-shim")
SHIM_RUNTIME = "blueprint"
SYSTEMD = Path("/run/systemd/system")
PROCESSOR = Path("/sys/fs/cgroup/cpu")
"""Where control groups of version 1 have the processor's; elsewhere it is not there."""
CONTAINERS_SHARES = 8 * 1024
"""What all containers together get of a busy processor, where a session of the host's processes gets 1024.

Without systemd they are in one control group, which gets 1024 as well: what asks a cluster would take half of its time.
Source: https://docs.kernel.org/scheduler/sched-design-CFS.html
"""
# Pid files that outlive a daemon that was killed, and the program that each names. A reused pid in one stops dockerd.
PID_FILES: Mapping[Path, str] = {
    PID_FILE: "dockerd",
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}

ANSWER_SECONDS = 15
START_SECONDS = 60
_POLL_SECONDS = 0.2
_LOG_LINES = 12


def ensure() -> None:
    """Makes sure that a Docker daemon answers, installing and starting it where that is needed and possible.

    Raises:
        ToolchainError: none answers and none may be started, or the one that was started does not get ready.
    """
    answer = ask()
    if answer is None:
        return
    _refuse_what_is_not_ours(answer)
    debian_packages.ensure(PACKAGES, "the container engine")
    with _locked():
        if ask() is not None:
            with step("start the container engine"):
                _start()


def ask() -> str | None:
    """Asks the daemon for its version: None when it answers, else what stands in the way, in Docker's own words."""
    docker = shutil.which("docker")
    if docker is None:
        return "no `docker` on PATH"
    command = [docker, "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"the Docker daemon did not answer within {ANSWER_SECONDS} s"
    return None if done.returncode == 0 else done.stderr.strip()


def started_by_us() -> bool:
    """Whether the Docker daemon that runs now is one that `ensure` started."""
    return _runs(PID_FILE, "dockerd")


def prefer_containers(processor: Path) -> None:
    """Lets the containers go before the host's other processes where the processor is short."""
    if processor.is_dir():
        containers = processor / "docker"
        containers.mkdir(exist_ok=True)
        (containers / "cpu.shares").write_text(str(CONTAINERS_SHARES))


def needs_shim(status: str) -> bool:
    """Whether a process of this `/proc/<pid>/status` text cannot give a container every capability."""
    return bool(oci_shim.lacking(status))


def daemon_command(pid_file: Path, shim: Path | None) -> list[str]:
    """The dockerd command line; with the runtime shim as the default runtime where one is needed."""
    command = ["dockerd", "--pidfile", str(pid_file), "--log-opt", "max-size=10m", "--log-opt", "max-file=3"]
    if shim is not None:
        command += ["--add-runtime", f"{SHIM_RUNTIME}={shim}", "--default-runtime", SHIM_RUNTIME]
    return command


def _refuse_what_is_not_ours(answer: str) -> None:
    host = os.environ.get("DOCKER_HOST")
    if host:
        raise ToolchainError(
            f"DOCKER_HOST={host}: {answer}",
            "the daemon that DOCKER_HOST names must answer",
            "start that daemon, or unset DOCKER_HOST",
        )
    if "permission denied" in answer.lower():
        raise ToolchainError(
            answer, "the user must be allowed to use Docker", "add the user to the group `docker`, or run as root"
        )
    if not debian_packages.may_install():
        raise ToolchainError(
            f"Docker does not answer: {answer}",
            "a running Docker is needed; only root on Debian or Ubuntu may have one installed and started",
            "start Docker, or run the command again as root",
        )


@contextmanager
def _locked() -> Iterator[None]:
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (RUN / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start() -> None:
    if SYSTEMD.is_dir():
        subprocess.run(["systemctl", "start", "docker"], timeout=START_SECONDS, check=False)
        _wait_until_ready(None)
        return
    remove_stale_pid_files(PID_FILES)
    prefer_containers(PROCESSOR)
    _wait_until_ready(_spawn(daemon_command(PID_FILE, _install_shim())))


def _spawn(command: list[str]) -> "subprocess.Popen[bytes]":
    """Starts the daemon in a session of its own, so that it outlives this process and its terminal."""
    with LOG.open("wb") as log:
        log.write(f"$ {shlex.join(command)}\n".encode())
        log.flush()
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )


def _install_shim() -> Path | None:
    """Puts the shim where the daemon calls it, if the host needs it."""
    if not needs_shim(Path(oci_shim.STATUS).read_text()):
        return None
    runc = debian_packages.find("runc") or oci_shim.RUNC
    source = Path(oci_shim.__file__).read_text().replace(f'RUNC = "{oci_shim.RUNC}"', f'RUNC = "{runc}"', 1)
    SHIM.parent.mkdir(parents=True, exist_ok=True)
    scratch = SHIM.with_suffix(".new")
    scratch.write_text(f"#!{shim_interpreter()} -IS\n{source}")
    scratch.chmod(0o755)
    scratch.replace(SHIM)
    return SHIM


def shim_interpreter() -> str:
    """A Python that outlives this checkout's virtual environment: the system's, else the one below the environment."""
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() else str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def remove_stale_pid_files(files: Mapping[Path, str]) -> None:
    """Removes each pid file whose process is gone, or is by now another program (pid file → program's name)."""
    for file, program in files.items():
        if file.exists() and not _runs(file, program):
            file.unlink()


def _runs(pid_file: Path, program: str) -> bool:
    """Whether the process that the pid file names lives and is this program."""
    try:
        pid = int(pid_file.read_text())
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except (OSError, ValueError):
        return False


def _wait_until_ready(daemon: "subprocess.Popen[bytes] | None") -> None:
    deadline = time.monotonic() + START_SECONDS
    while (answer := ask()) is not None:
        ended = daemon is not None and daemon.poll() is not None
        if ended or time.monotonic() > deadline:
            _give_up(daemon, answer)
        time.sleep(_POLL_SECONDS)


def _give_up(daemon: "subprocess.Popen[bytes] | None", answer: str) -> None:
    if daemon is not None and daemon.poll() is None:
        daemon.send_signal(signal.SIGTERM)
    tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-_LOG_LINES:]) if daemon is not None else answer
    raise ToolchainError(
        f"the Docker daemon did not get ready within {START_SECONDS} s:\n{tail}",
        "dockerd must start on this host",
        f"read {LOG}, mend what it names, then run the command again",
    )
