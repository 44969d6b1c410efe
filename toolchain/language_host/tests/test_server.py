"""The host's answers to the engine, call by call; programs and plugins are real processes."""

import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from toolchain import paths
from toolchain.language_host import processes
from toolchain.language_host.executor import users_traceback
from toolchain.language_host.server import LanguageHost
from toolchain.language_host.tests.conftest import AbortedError, Context
from toolchain.language_host.tests.engine import Engine

SECONDS = 20
SLEEPS = """\
import os, time
from pathlib import Path
Path("pid").write_text(str(os.getpid()))
time.sleep(60)
"""


def info(root: Path, entry_point: str = ".", **options: str) -> language_pb2.ProgramInfo:
    """A program as the engine describes it."""
    given = Struct()
    given.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(root), program_directory=str(root), entry_point=entry_point, options=given
    )


def run_request(root: Path, engine: Engine | None = None, **fields: Any) -> language_pb2.RunRequest:
    monitor = engine.address if engine else "127.0.0.1:1"
    return language_pb2.RunRequest(
        monitor_address=monitor, project="blueprint", stack="local", info=info(root), **fields
    )


@pytest.fixture
def host() -> LanguageHost:
    """A host whose engine does not listen."""
    return LanguageHost("")


def eventually(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"after {SECONDS} s still not: {what}"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def started(folder: Path) -> int:
    """The process id that `SLEEPS` leaves, once it runs."""
    file = folder / "pid"
    eventually("the program runs", lambda: file.exists() and file.read_text() != "")
    return int(file.read_text())


def test_nothing_is_negotiated(host: LanguageHost, context: Any) -> None:
    answer = host.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:1"), context)
    assert answer == language_pb2.LanguageHandshakeResponse()


def test_the_host_s_version_is_the_sdk_s(host: LanguageHost, context: Any) -> None:
    assert host.GetPluginInfo(Empty(), context).version == importlib.metadata.version("pulumi")


def test_about_names_the_interpreter(host: LanguageHost, context: Any) -> None:
    answer = host.About(language_pb2.AboutRequest(), context)
    assert (answer.executable, answer.version) == (sys.executable, platform.python_version())


def test_the_user_is_asked_nothing(host: LanguageHost, context: Any) -> None:
    answer = host.RuntimeOptionsPrompts(language_pb2.RuntimeOptionsRequest(), context)
    assert list(answer.prompts) == []


def test_the_installed_packages_are_listed_in_order(host: LanguageHost, context: Any) -> None:
    found = host.GetProgramDependencies(language_pb2.GetProgramDependenciesRequest(), context).dependencies
    versions = {one.name: one.version for one in found}
    assert versions["pulumi"] == importlib.metadata.version("pulumi")
    assert [one.name for one in found] == sorted(one.name for one in found)


@pytest.mark.parametrize("call", ["packages", "plugins"])
def test_a_program_needs_the_providers_of_its_own_environment(
    host: LanguageHost, context: Any, tmp_path: Path, virtualenv: Callable[[], Path], call: str
) -> None:
    package = virtualenv() / "lib" / "python3.12" / "site-packages" / "pulumi_one"
    package.mkdir(parents=True)
    (package / "pulumi-plugin.json").write_text('{"resource": true, "name": "one", "version": "1.2.3", "server": "s"}')
    program = info(tmp_path, virtualenv=".venv")
    if call == "packages":
        found = host.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=program), context).packages
    else:
        found = host.GetRequiredPlugins(language_pb2.GetRequiredPluginsRequest(info=program), context).plugins
    assert [(one.name, one.kind, one.version, one.server) for one in found] == [("one", "resource", "v1.2.3", "s")]


def test_a_program_without_an_environment_needs_the_providers_of_the_host_s(
    host: LanguageHost, context: Any, tmp_path: Path
) -> None:
    request = language_pb2.GetRequiredPackagesRequest(info=info(tmp_path))
    found = {one.name: one.version for one in host.GetRequiredPackages(request, context).packages}
    assert found["kubernetes"] == f"v{importlib.metadata.version('pulumi-kubernetes')}"


@pytest.mark.parametrize(
    "call",
    [
        lambda host, program, context: host.Run(language_pb2.RunRequest(info=program), context),
        lambda host, program, context: list(host.RunPlugin(language_pb2.RunPluginRequest(info=program), context)),
        lambda host, program, context: list(
            host.InstallDependencies(language_pb2.InstallDependenciesRequest(info=program), context)
        ),
        lambda host, program, context: host.GetRequiredPackages(
            language_pb2.GetRequiredPackagesRequest(info=program), context
        ),
    ],
    ids=["Run", "RunPlugin", "InstallDependencies", "GetRequiredPackages"],
)
def test_an_option_that_cannot_be_followed_ends_the_call(
    host: LanguageHost, context: Any, tmp_path: Path, call: Callable[[LanguageHost, Any, Any], Any]
) -> None:
    with pytest.raises(AbortedError) as aborted:
        call(host, info(tmp_path, virtualenv="nowhere"), context)
    assert aborted.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "virtualenv='nowhere'" in aborted.value.details


CONFIGURED = """\
import os, sys
import pulumi
from helper import TEXT
from pulumi.runtime import is_config_secret
print("said by the program")
print("said as an error", file=sys.stderr)
config = pulumi.Config()
pulumi.export("text", TEXT)
pulumi.export("size", config.require_int("size"))
pulumi.export("secret", config.require_secret("password"))
pulumi.export("secret keys", [key for key in ("size", "password") if is_config_secret(f"blueprint:{key}")])
pulumi.export("place", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization(), os.getcwd()])
pulumi.export("preview", pulumi.runtime.is_dry_run())
"""


@pytest.mark.parametrize("preview", [True, False])
def test_a_program_runs_in_its_folder_with_its_configuration(
    engine: Engine, context: Any, tmp_path: Path, preview: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its own modules are imported, its output is the host's, and the engine hears its outputs and no error."""
    (tmp_path / "__main__.py").write_text(CONFIGURED)
    (tmp_path / "helper.py").write_text("TEXT = 'from a module beside it'\n")
    request = run_request(
        tmp_path,
        engine,
        organization="shopkeepers",
        dryRun=preview,
        parallel=2,
        config={"blueprint:size": "3", "blueprint:password": "hidden"},
        configSecretKeys=["blueprint:password"],
    )
    assert LanguageHost(engine.address).Run(request, context) == language_pb2.RunResponse()
    assert engine.registered == ["blueprint-local"]
    assert engine.errors == []
    assert engine.outputs == {
        "text": "from a module beside it",
        "size": 3,
        "secret": "hidden",
        "secret keys": ["password"],
        "place": ["blueprint", "local", "shopkeepers", str(tmp_path)],
        "preview": preview,
    }
    said = capfd.readouterr()
    assert ("said by the program" in said.out, "said as an error" in said.err) == (True, True)


def test_an_error_in_the_program_is_shown_from_the_program_on(engine: Engine, context: Any, tmp_path: Path) -> None:
    """The user sees the own lines, not those of the SDK, and sees them once: `bail` says that it was shown."""
    (tmp_path / "__main__.py").write_text("def fails():\n    raise KeyError('mine')\n\nfails()\n")
    answer = LanguageHost(engine.address).Run(run_request(tmp_path, engine), context)
    assert (answer.bail, answer.error) == (True, "")
    (shown,) = engine.errors
    assert "line 4, in <module>" in shown
    assert "line 2, in fails" in shown
    assert shown.rstrip().endswith("KeyError: 'mine'")
    assert "run_in_stack" not in shown
    assert "runpy" not in shown


def test_an_error_that_the_program_means_is_shown_in_its_own_words(
    engine: Engine, context: Any, tmp_path: Path
) -> None:
    (tmp_path / "__main__.py").write_text("import pulumi\n\nraise pulumi.RunError('no such size: 3')\n")
    answer = LanguageHost(engine.address).Run(run_request(tmp_path, engine), context)
    assert (answer.bail, engine.errors) == (True, ["no such size: 3"])


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise SystemExit(7)", "the program ended with exit code 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "the program ended with exit code -9"),
    ],
)
def test_another_end_than_success_is_an_error(
    engine: Engine, context: Any, tmp_path: Path, program: str, error: str
) -> None:
    (tmp_path / "__main__.py").write_text(program)
    answer = LanguageHost(engine.address).Run(run_request(tmp_path, engine), context)
    assert (answer.bail, answer.error) == (False, error)


def test_a_program_ends_when_the_engine_goes_away(engine: Engine, context: Context, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text(SLEEPS)
    answers: list[Any] = []
    request = run_request(tmp_path, engine)
    call = threading.Thread(target=lambda: answers.append(LanguageHost(engine.address).Run(request, context)))  # type: ignore[arg-type]
    call.start()
    pid = started(tmp_path)
    context.gone.set()
    call.join(timeout=SECONDS)
    assert not lives(pid)
    assert answers[0].error == f"the program ended with exit code {-signal.SIGTERM}"


def test_a_traceback_without_the_program_in_it_is_shown_whole() -> None:
    try:
        raise ValueError("from elsewhere")
    except ValueError as error:
        shown = users_traceback(error, "/no/such/program")
    assert __file__ in shown
    assert shown.rstrip().endswith("ValueError: from elsewhere")


def plugin_request(folder: Path, script: str, **fields: Any) -> language_pb2.RunPluginRequest:
    (folder / "plugin.py").write_text(script)
    return language_pb2.RunPluginRequest(info=info(folder, "plugin.py"), **fields)


def pieces(answers: Iterator[Any]) -> tuple[bytes, bytes, int]:
    """All of a plugin's output and errors, and its exit code."""
    out, err, code = b"", b"", None
    for answer in answers:
        assert code is None, "nothing comes after the exit code"
        match answer.WhichOneof("output"):
            case "stdout":
                out += answer.stdout
            case "stderr":
                err += answer.stderr
            case _:
                code = answer.exitcode
    assert code is not None
    return out, err, code


def first_line(answers: Iterator[Any]) -> bytes:
    """The first line of a plugin's output, however it is cut into pieces."""
    line = b""
    while not line.endswith(b"\n"):
        line += next(answers).stdout
    return line


def test_a_plugin_s_output_and_exit_code_are_passed_on(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    """With its arguments and its environment, in the folder that the engine names."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = "import os, sys\nprint(sys.argv[1:], os.environ['ONE'], os.getcwd())\nsys.stderr.write('bad')\nexit(3)\n"
    request = plugin_request(tmp_path, script, args=["a b", "c"], env=["ONE=1=2"], pwd=str(elsewhere))
    out, err, code = pieces(host.RunPlugin(request, context))
    assert out.decode() == f"['a b', 'c'] 1=2 {elsewhere}\n"
    assert (err, code) == (b"bad", 3)


def test_a_plugin_without_a_folder_runs_in_its_own(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    out, _, code = pieces(host.RunPlugin(plugin_request(tmp_path, "import os\nprint(os.getcwd())\n"), context))
    assert (out.decode(), code) == (f"{tmp_path}\n", 0)


def test_a_plugin_s_output_comes_while_it_runs(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    """The first line is a plugin's port, which the engine needs at once."""
    script = (
        "import time\nfrom pathlib import Path\nprint(4711)\nwhile not Path('go').exists():\n    time.sleep(0.02)\n"
    )
    answers = host.RunPlugin(plugin_request(tmp_path, script), context)
    assert first_line(answers) == b"4711\n"
    (tmp_path / "go").touch()
    assert pieces(answers) == (b"", b"", 0)


def test_output_that_is_read_late_is_not_lost(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    """The plugin has ended, and what it said in several pieces waits to be read."""
    script = (
        "import time\nfor text in 'abc':\n    print(text)\n    time.sleep(0.1)\nopen('end', 'w').close()\nexit(4)\n"
    )
    answers = host.RunPlugin(plugin_request(tmp_path, script), context)
    first = next(answers).stdout
    eventually("the plugin is at its end", (tmp_path / "end").exists)
    time.sleep(0.3)
    out, err, code = pieces(answers)
    assert (first + out, err, code) == (b"a\nb\nc\n", b"", 4)


def test_no_byte_of_a_plugin_s_output_is_lost(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    script = "import sys\nsys.stdout.buffer.write(b'x' * 3_000_000)\nsys.stderr.buffer.write(b'y' * 1_000_000)\n"
    out, err, code = pieces(host.RunPlugin(plugin_request(tmp_path, script), context))
    assert (len(out), len(err), code) == (3_000_000, 1_000_000, 0)


def test_a_plugin_ends_when_the_engine_goes_away(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    answers = host.RunPlugin(plugin_request(tmp_path, f"print('up')\n{SLEEPS}"), context)
    assert first_line(answers) == b"up\n"
    pid = started(tmp_path)
    context.gone.set()
    assert list(answers) == []
    assert not lives(pid)


def test_a_plugin_ends_when_nobody_reads_its_output_any_more(host: LanguageHost, context: Any, tmp_path: Path) -> None:
    answers = host.RunPlugin(plugin_request(tmp_path, f"print('up')\n{SLEEPS}"), context)
    first_line(answers)
    pid = started(tmp_path)
    answers.close()  # type: ignore[attr-defined]  # it is a generator, and so gRPC ends it
    assert not lives(pid)


def test_a_process_that_does_not_end_when_asked_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    script = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) as process:
        started(tmp_path)
        processes.stop(process)
        assert process.returncode == -signal.SIGKILL


def test_a_process_that_has_ended_is_not_asked_to() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        processes.stop(process)
        assert process.returncode == 0


ECHO = '#!/bin/sh\necho "$PWD: $*"\necho "$VIRTUAL_ENV" >&2\n'


def install_request(root: Path) -> language_pb2.InstallDependenciesRequest:
    return language_pb2.InstallDependenciesRequest(info=info(root, virtualenv=".venv"))


INSTALLATIONS = {"requirements.txt": "--requirement requirements.txt", "pyproject.toml": "--editable ."}


@pytest.mark.parametrize("file", INSTALLATIONS)
def test_a_program_s_packages_are_installed_into_its_environment(
    host: LanguageHost, context: Any, tmp_path: Path, virtualenv: Callable[[str], Path], file: str
) -> None:
    (tmp_path / file).touch()
    folder = virtualenv(ECHO)
    answers = list(host.InstallDependencies(install_request(tmp_path), context))
    assert b"".join(one.stdout for one in answers).decode() == f"{tmp_path}: -m pip install {INSTALLATIONS[file]}\n"
    assert b"".join(one.stderr for one in answers).decode() == f"{folder}\n"


def test_an_installation_that_failed_ends_the_call_with_the_command(
    host: LanguageHost, context: Any, tmp_path: Path, virtualenv: Callable[[str], Path]
) -> None:
    (tmp_path / "requirements.txt").touch()
    folder = virtualenv("#!/bin/sh\necho no such package\nexit 2\n")
    answers = host.InstallDependencies(install_request(tmp_path), context)
    assert next(answers).stdout == b"no such package\n"
    with pytest.raises(AbortedError) as aborted:
        next(answers)
    assert aborted.value.code is grpc.StatusCode.INTERNAL
    command = f"{folder}/bin/python -m pip install --requirement requirements.txt"
    assert aborted.value.details == f"`{command}` ended with exit code 2"


def test_a_program_without_a_list_of_packages_has_nothing_to_install(
    host: LanguageHost, context: Any, tmp_path: Path, virtualenv: Callable[[str], Path]
) -> None:
    virtualenv("#!/bin/sh\nexit 1\n")
    assert list(host.InstallDependencies(install_request(tmp_path), context)) == []


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    """The host as the engine starts it."""
    command = [sys.executable, "-m", "toolchain.language_host", "-root=/somewhere", "127.0.0.1:1"]
    with subprocess.Popen(command, cwd=paths.ROOT, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_host_says_its_port_and_takes_its_plugins_along_when_it_ends(
    process: "subprocess.Popen[str]", tmp_path: Path, how: signal.Signals
) -> None:
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        assert stub.GetPluginInfo(Empty(), timeout=SECONDS).version == importlib.metadata.version("pulumi")
        answers = stub.RunPlugin(plugin_request(tmp_path, SLEEPS), timeout=SECONDS)
        pid = started(tmp_path)
        process.send_signal(how)
        with pytest.raises(grpc.RpcError):
            list(answers)
    assert process.wait(timeout=SECONDS) == 0
    assert not lives(pid)
