"""The stack: what a killed run left is mended, what is alive is left alone, and the stack's file stays clean."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from toolchain import backend, paths, stack
from toolchain.errors import ToolchainError

SALT = "encryptionsalt: v1:0123=:v1:4567\n"
CONFIG = "# A comment.\nconfig:\n  blueprint:target: kind\n"
REMEDY = "read the diagnostics above; when the cause is mended, `make up` goes on where it stopped"


@dataclass
class FakePulumi:
    """The CLI with one stack in memory.

    Attributes:
        deployment: what `stack export` gives; `stack import` replaces it.
        calls: every command's arguments, without the common ones.
    """

    root: Path
    deployment: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    fails: bool = False

    def run(self, command: Sequence[str], **options: Any) -> str:
        """What `toolchain.shell.run` would give."""
        assert list(command[:4]) == ["/bin/pulumi", "-C", str(self.root), "--non-interactive"]
        assert options["environment"] == {"PULUMI_BACKEND_URL": "file:///state"}
        arguments = tuple(command[4:])
        self.calls.append(arguments)
        if self.fails:
            raise ToolchainError("it failed", "it does not", "look")
        match arguments:
            case ("stack", "export", "--stack", "local"):
                return json.dumps({"version": 3, "deployment": self.deployment})
            case ("stack", "import", "--stack", "local", "--force"):
                self.deployment = json.loads(options["stdin"])["deployment"]
            case ("stack", "select", "--create", "local"):
                (self.root / "Pulumi.local.yaml").write_text(SALT + CONFIG)
            case ("stack", "output", "--json", "--show-secrets", "--stack", "local"):
                return '{"kubeconfig": "secret"}'
        return ""

    def acts(self) -> list[str]:
        """The commands that change something."""
        return [" ".join(call[:2]) for call in self.calls if call[:2] != ("stack", "export")]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own with the stack's file, and its local state."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(backend, "pulumi", lambda: Path("/bin/pulumi"))
    monkeypatch.setattr(backend, "environment", lambda: {"PULUMI_BACKEND_URL": "file:///state"})
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "Pulumi.local.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def pulumi(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> FakePulumi:
    fake = FakePulumi(checkout)
    monkeypatch.setattr(stack, "run", fake.run)
    return fake


def lock(
    checkout: Path, *, pid: int, host: str | None = None, of: str = "local", modified: float | None = None
) -> Path:
    """A lock as Pulumi's local backend writes it. Source: pulumi v3.250.0, pkg/backend/diy/lock.go."""
    file = checkout / ".blueprint/state/.pulumi/locks/organization/blueprint" / of / "0123.json"
    file.parent.mkdir(parents=True)
    holder = {"pid": pid, "username": "root", "hostname": host or socket.gethostname(), "timestamp": "2026-01-01"}
    file.write_text(json.dumps(holder))
    file.with_name("0123.json.attrs").write_text("{}")
    if modified is not None:
        os.utime(file, (modified, modified))
    return file


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that has just ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (SALT + CONFIG, CONFIG),
        (CONFIG + SALT, CONFIG),
        (CONFIG, CONFIG),
        (SALT, ""),
        ("", ""),
        (f"{SALT}config:\n  a:key:\n    secure: v1:00\n", f"{SALT}config:\n  a:key:\n    secure: v1:00\n"),
        (f"{SALT}config:\n  a:secured: 1\n", "config:\n  a:secured: 1\n"),
        (f'{SALT}config:\n  "a:secured": 1\n', 'config:\n  "a:secured": 1\n'),
        (f'{SALT}config:\n  a:key: "secure"\n', 'config:\n  a:key: "secure"\n'),
        (f"{SALT}# secure: not here\nconfig: {{}}\n", "# secure: not here\nconfig: {}\n"),
        (f"{SALT}config:\n  a:key: 1  # no secure: here\n", "config:\n  a:key: 1  # no secure: here\n"),
        ("config:\n  a:key: |\n    encryptionsalt: 1\n", "config:\n  a:key: |\n    encryptionsalt: 1\n"),
    ],
)
def test_the_salt_is_taken_out_unless_a_secret_value_needs_it(tmp_path: Path, content: str, left: str) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(content)
    stack.keep_file_clean(file)
    assert file.read_text() == left


@pytest.mark.parametrize(
    "value",
    [
        "  a:list:\n    - secure: v1:00\n",
        "  a:key: {secure: v1:00}\n",
        '  a:key:\n    "secure": v1:00\n',
        "  a:key:\n    'secure': v1:00\n",
        '  a:key: {"secure": "v1:00"}\n',
        "  a:key:\n    secure : v1:00\n",
        '  a:key: {note: "#1", secure: v1:00}\n',
        "  # A comment.\n  a:key:\n    secure: v1:00  # another\n",
    ],
)
def test_the_salt_stays_wherever_the_secret_value_stands(tmp_path: Path, value: str) -> None:
    """As `pulumi config set --path --secret` writes it into a list, or a user by hand, with quotes or without."""
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(f"{SALT}config:\n{value}")
    stack.keep_file_clean(file)
    assert file.read_text().startswith(SALT)


def test_a_clean_file_is_not_written(tmp_path: Path) -> None:
    """It is in git; its time does not change for nothing."""
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(CONFIG)
    os.utime(file, (1, 1))
    stack.keep_file_clean(file)
    assert file.stat().st_mtime == 1


def test_selecting_makes_the_stack_and_leaves_its_file_clean(pulumi: FakePulumi, checkout: Path) -> None:
    stack.select("local")
    assert pulumi.calls == [("stack", "select", "--create", "local")]
    assert (checkout / "Pulumi.local.yaml").read_text() == CONFIG


def test_a_selection_that_failed_leaves_its_file_clean_too(pulumi: FakePulumi, checkout: Path) -> None:
    (checkout / "Pulumi.local.yaml").write_text(SALT + CONFIG)
    pulumi.fails = True
    with pytest.raises(ToolchainError):
        stack.select("local")
    assert (checkout / "Pulumi.local.yaml").read_text() == CONFIG


@pytest.mark.parametrize("deployment", [{}, None, {"manifest": {}}, {"resources": None}])
def test_a_stack_that_made_nothing_has_no_resources(pulumi: FakePulumi, deployment: Any) -> None:
    pulumi.deployment = deployment
    assert stack.resources("local") == []


def test_outputs_are_given_with_their_secrets(pulumi: FakePulumi) -> None:
    assert stack.outputs("local") == {"kubeconfig": "secret"}


def test_a_clean_state_is_left_alone(pulumi: FakePulumi) -> None:
    pulumi.deployment = {"resources": [{"urn": "one"}]}
    stack.mend("local")
    assert pulumi.acts() == []


def test_the_lock_of_a_process_that_died_is_removed(pulumi: FakePulumi, checkout: Path, dead_pid: int) -> None:
    lock(checkout, pid=dead_pid)
    stack.mend("local")
    assert pulumi.calls[0] == ("cancel", "--yes", "--stack", "local")


def test_the_lock_of_a_process_that_lives_is_respected(pulumi: FakePulumi, checkout: Path) -> None:
    lock(checkout, pid=os.getpid())
    stack.mend("local")
    assert pulumi.acts() == []


def test_the_lock_of_another_host_is_respected(pulumi: FakePulumi, checkout: Path, dead_pid: int) -> None:
    """Whether its process lives cannot be known here."""
    lock(checkout, pid=dead_pid, host="elsewhere")
    stack.mend("local")
    assert pulumi.acts() == []


def test_a_lock_older_than_the_process_that_has_its_id_now_is_dead(pulumi: FakePulumi, checkout: Path) -> None:
    """The id was given away again, as after a reboot."""
    lock(checkout, pid=os.getpid(), modified=time.time() - 30 * 24 * 3600)
    stack.mend("local")
    assert pulumi.acts() == ["cancel --yes"]


def test_the_lock_of_another_user_s_process_is_respected(
    pulumi: FakePulumi, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_pid: int, _signal: int) -> None:
        raise PermissionError

    lock(checkout, pid=1)
    monkeypatch.setattr(os, "kill", refused)
    stack.mend("local")
    assert pulumi.acts() == []


def test_the_dead_lock_of_another_stack_is_that_stack_s_matter(
    pulumi: FakePulumi, checkout: Path, dead_pid: int
) -> None:
    """`pulumi cancel` takes the named stack's locks alone, so the other one's would be "removed" by every run anew."""
    lock(checkout, pid=dead_pid, of="existing")
    stack.mend("local")
    assert pulumi.acts() == []


def test_among_several_stacks_locks_the_named_one_s_are_found(checkout: Path, dead_pid: int) -> None:
    locks = {name: lock(checkout, pid=dead_pid, of=name) for name in ("local", "existing")}
    assert stack._dead_locks("local") == [locks["local"]]
    assert stack._dead_locks("existing") == [locks["existing"]]


def test_a_backend_of_the_user_s_has_no_locks_here(
    pulumi: FakePulumi, checkout: Path, dead_pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(checkout, pid=dead_pid)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    stack.mend("local")
    assert pulumi.acts() == []


def test_operations_that_were_begun_are_cleared_and_resources_kept(pulumi: FakePulumi) -> None:
    pulumi.deployment = {"manifest": {"version": "v3"}, "resources": [{"urn": "one"}], "pending_operations": [{}]}
    stack.mend("local")
    assert pulumi.acts() == ["stack import"]
    assert pulumi.deployment == {
        "manifest": {"version": "v3"},
        "resources": [{"urn": "one"}],
        "pending_operations": [],
    }


def test_the_lock_goes_before_the_operations(pulumi: FakePulumi, checkout: Path, dead_pid: int) -> None:
    """A locked stack takes no import."""
    lock(checkout, pid=dead_pid)
    pulumi.deployment = {"pending_operations": [{}]}
    stack.mend("local")
    assert pulumi.acts() == ["cancel --yes", "stack import"]


def test_forgetting_empties_the_state_and_keeps_what_encrypts_it(pulumi: FakePulumi) -> None:
    providers = {"type": "passphrase", "state": {"salt": "v1:00"}}
    pulumi.deployment = {"resources": [{}, {}], "pending_operations": [{}], "secrets_providers": providers}
    stack.forget_resources("local")
    assert pulumi.deployment == {"resources": [], "secrets_providers": providers}
    assert stack.resources("local") == []


def program(checkout: Path, monkeypatch: pytest.MonkeyPatch, text: str, interpreter: str = sys.executable) -> None:
    """Puts a program in place of the CLI."""
    file = checkout / "pulumi"
    file.write_text(f"#!{interpreter}\n{text}")
    file.chmod(0o755)
    monkeypatch.setattr(backend, "pulumi", lambda: file)


RECORDS = """\
import json, os, sys
from pathlib import Path
Path("seen.json").write_text(json.dumps([sys.argv[1:], os.environ["PULUMI_BACKEND_URL"], sys.stdin.read()]))
Path("Pulumi.local.yaml").write_text("encryptionsalt: v1\\n" + Path("Pulumi.local.yaml").read_text())
"""


def test_an_operation_runs_in_the_checkout_and_leaves_the_stack_s_file_clean(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(checkout, monkeypatch, RECORDS)
    stack.operate("up", "local", "--yes")
    arguments, url, stdin = json.loads((checkout / "seen.json").read_text())
    assert arguments == ["up", "--stack", "local", "--non-interactive", "--suppress-permalink=true", "--yes"]
    assert (url, stdin) == ("file:///state", "")
    assert (checkout / "Pulumi.local.yaml").read_text() == CONFIG


def test_an_operation_that_failed_says_how_to_go_on(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(checkout, monkeypatch, f"{RECORDS}sys.exit(255)\n")
    with pytest.raises(ToolchainError) as refused:
        stack.operate("up", "local")
    assert refused.value.value == "`pulumi up` ended with exit code 255"
    assert refused.value.rule == "every resource reaches its state"
    assert refused.value.remedy == REMEDY
    assert (checkout / "Pulumi.local.yaml").read_text() == CONFIG


def test_an_operation_that_takes_too_long_is_interrupted(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi then ends what it began; a kill would lose the state."""
    program(checkout, monkeypatch, "trap 'kill $!; exit 3' INT\nsleep 60 &\nwait\n", "/bin/sh")
    monkeypatch.setattr(stack, "OPERATION_SECONDS", 1)
    with pytest.raises(ToolchainError, match="`pulumi up` ended with exit code 3"):
        stack.operate("up", "local")


STUBBORN = "trap '' INT\nsleep 0.5\necho $$ > ready\nexec sleep 60\n"
"""A Pulumi that no interrupt ends; its process id is in `ready`, written when `Popen` has surely returned."""


def test_pulumi_that_outlives_the_interrupt_is_killed_and_that_is_said(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(checkout, monkeypatch, STUBBORN, "/bin/sh")
    monkeypatch.setattr(stack, "OPERATION_SECONDS", 1)
    monkeypatch.setattr(stack, "INTERRUPT_SECONDS", 1)
    with pytest.raises(ToolchainError, match=r"`pulumi up` ended with exit code -9"):
        stack.operate("up", "local")
    assert capsys.readouterr().err.splitlines() == [
        "! not done after 1 s: Pulumi ends what it began and writes its state",
        "! Pulumi is killed: interrupted again, or not done 1 s after the interrupt",
    ]
    assert not Path("/proc", (checkout / "ready").read_text().strip()).exists()


INTERRUPTED = """\
import signal, time
from pathlib import Path
count = 0
def interrupted(*_):
    global count
    count += 1
    Path("interrupts").write_text(str(count))
signal.signal(signal.SIGINT, interrupted)
Path("ready").touch()
end = time.monotonic() + 30
while time.monotonic() < end:
    time.sleep(0.05)
    if count and end > time.monotonic() + 2:
        end = time.monotonic() + 1.2  # ends what it began; long enough to see a second interrupt
Path("state").write_text("written")
"""
INSISTS = """\
import os, signal, time
from pathlib import Path
count = 0
def interrupted(*_):
    global count
    count += 1
    Path("interrupts").write_text(str(count))
signal.signal(signal.SIGINT, interrupted)
time.sleep(0.5)
Path("ready").write_text(str(os.getpid()))
time.sleep(60)
"""
"""A Pulumi that notes the interrupts and ends by none; its process id is in `ready`, as STUBBORN's."""
OPERATE = """\
import sys
from pathlib import Path
from toolchain import backend, paths, stack
paths.ROOT = Path(sys.argv[1])
backend.pulumi = lambda: paths.ROOT / "pulumi"
backend.environment = dict
stack.INTERRUPT_SECONDS = float(sys.argv[2])
stack.operate("up", "local")
"""


def wait_for(file: Path) -> None:
    """Waits until a program in Pulumi's place wrote the file."""
    deadline = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} was not written"
        time.sleep(0.02)


def interrupt(checkout: Path, kill: Callable[[int, int], None], seconds: float = 20, *, again: bool = False) -> str:
    """Interrupts an `up` that runs the program in Pulumi's place. Gives what it said.

    Args:
        checkout: where it runs.
        kill: sends a signal to a process, or to its group.
        seconds: how long Pulumi may take to end what it began.
        again: interrupts once more when the first one reached Pulumi.
    """
    command = [sys.executable, "-c", OPERATE, str(checkout), str(seconds)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        wait_for(checkout / "ready")
        kill(running.pid, signal.SIGINT)
        if again:
            wait_for(checkout / "interrupts")
            time.sleep(0.5)  # until `up` surely waits for Pulumi's end
            kill(running.pid, signal.SIGINT)
        return running.communicate(timeout=30)[0]


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["of the process", "of a terminal"])
def test_an_interrupt_reaches_pulumi_once_and_it_may_write_its_state(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, kill: Callable[[int, int], None]
) -> None:
    """A terminal interrupts every process of the group. Pulumi takes a second interrupt for "terminate at once".

    Source: pulumi v3.250.0, pkg/backend/cancellation_scope.go.
    """
    program(checkout, monkeypatch, INTERRUPTED)
    said = interrupt(checkout, kill)
    assert (checkout / "state").read_text() == "written", said
    assert (checkout / "interrupts").read_text() == "1"
    assert "! interrupted: Pulumi ends what it began and writes its state" in said
    assert "is killed" not in said
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_an_interrupt_that_pulumi_outlives_ends_in_a_kill(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run still ends as interrupted, not as a failure of Pulumi's."""
    program(checkout, monkeypatch, STUBBORN, "/bin/sh")
    said = interrupt(checkout, os.killpg, seconds=1)
    assert "! Pulumi is killed: interrupted again, or not done 1.0 s after the interrupt" in said
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert not Path("/proc", (checkout / "ready").read_text().strip()).exists()


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["of the process", "of a terminal"])
def test_a_second_interrupt_kills_pulumi_at_once_and_that_is_said(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, kill: Callable[[int, int], None]
) -> None:
    """Long before its time is up, and nothing of it goes on behind the user's back."""
    program(checkout, monkeypatch, INSISTS)
    began = time.monotonic()
    said = interrupt(checkout, kill, seconds=50, again=True)
    assert time.monotonic() - began < 30
    assert said.count("! interrupted: Pulumi ends what it began and writes its state") == 1
    assert said.count("! Pulumi is killed: interrupted again, or not done 50.0 s after the interrupt") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert (checkout / "interrupts").read_text() == "1"
    assert not Path("/proc", (checkout / "ready").read_text()).exists()
    assert (checkout / "Pulumi.local.yaml").read_text() == CONFIG
