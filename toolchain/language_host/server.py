"""The service that the Pulumi engine calls: `pulumirpc.LanguageRuntime`."""

import importlib.metadata
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from toolchain.language_host import packages, processes
from toolchain.language_host.executor import MESSAGE_SHOWN
from toolchain.language_host.program import OptionError, Program, environment, run_arguments, run_environment

EXECUTOR = Path(__file__).with_name("executor.py")


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs Python programs and plugins, and says what they need.

    Args:
        engine: the engine's address, to which programs report.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Nothing is negotiated: this host needs only what each later call brings."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The host's version is that of the Pulumi SDK it runs with."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The providers of the SDK packages that the program's environment holds."""
        found = _required(_program(request.info, context), context)
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(name=one.name, kind="resource", version=one.version, server=one.server)
                for one in found
            ]
        )

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The same, in the form of older engines."""
        found = _required(_program(request.info, context), context)
        return language_pb2.GetRequiredPluginsResponse(
            plugins=[
                plugin_pb2.PluginDependency(name=one.name, kind="resource", version=one.version, server=one.server)
                for one in found
            ]
        )

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Runs the program to its end. `bail` says that the user has seen the error already."""
        program = _program(request.info, context)
        values = {
            "monitor": request.monitor_address,
            "engine": self.engine,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": str(program.root),
            "pwd": str(program.folder),
            "dry_run": request.dryRun,
            "parallel": request.parallel,
        }
        command = [
            program.python(sys.executable),
            "-P",  # a program that imports a name of this package's modules gets its own
            "-u",
            str(EXECUTOR),
            *run_arguments(values, program.entry_point),
        ]
        extra = run_environment(request.config, request.configSecretKeys)
        code = processes.run(command, program.folder, environment(program, extra), context.is_active)
        if code == MESSAGE_SHOWN:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program ended with exit code {code}" if code else "")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Runs a plugin, such as a policy pack or a component provider, and streams its output."""
        program = _program(request.info, context)
        folder = Path(request.pwd) if request.pwd else program.folder
        target = str(program.folder / program.entry_point)
        command = [program.python(sys.executable), "-u", target, *request.args]
        extra = dict(pair.split("=", 1) for pair in request.env)
        for kind, piece in processes.stream(command, folder, environment(program, extra), context.is_active):
            yield language_pb2.RunPluginResponse(**{kind: piece})  # type: ignore[arg-type]  # one field of three

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Installs what requirements.txt or pyproject.toml of the program's root names."""
        program = _program(request.info, context)
        command = _install_command(program.root, program.python(sys.executable))
        if command is None:
            return
        for kind, piece in processes.stream(command, program.root, environment(program, {}), context.is_active):
            if kind != "exitcode":
                yield language_pb2.InstallDependenciesResponse(**{kind: piece})  # type: ignore[arg-type]
            elif piece != 0:
                context.abort(grpc.StatusCode.INTERNAL, f"`{' '.join(command)}` ended with exit code {piece!r}")

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        """There is nothing to ask the user."""
        return language_pb2.RuntimeOptionsResponse()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The interpreter and its version, for `pulumi about`."""
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The packages that are installed, for `pulumi about`."""
        names = ((found.metadata["Name"], found.version) for found in importlib.metadata.distributions())
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=version) for name, version in sorted(names)]
        )


def _program(info: Any, context: grpc.ServicerContext) -> Program:
    program = Program(
        root=Path(info.root_directory),
        folder=Path(info.program_directory or info.root_directory),
        entry_point=info.entry_point or ".",
        options=MessageToDict(info.options),
    )
    _or_abort(program.virtualenv, context)
    return program


def _or_abort(look: Callable[[], object], context: grpc.ServicerContext) -> None:
    try:
        look()
    except OptionError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _required(program: Program, context: grpc.ServicerContext) -> list[packages.Required]:
    own = [Path(sysconfig.get_paths()["purelib"])]
    return packages.required(packages.site_packages(program.virtualenv(), own))


def _install_command(root: Path, python: str) -> list[str] | None:
    if (root / "requirements.txt").exists():
        return [python, "-m", "pip", "install", "--requirement", "requirements.txt"]
    if (root / "pyproject.toml").exists():
        return [python, "-m", "pip", "install", "--editable", "."]
    return None
