"""The command line behind the Makefile. Owns arguments and exit codes; each command's work is a module of its own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from toolchain import lifecycle, proving, report, stack
from toolchain import logs as central_logs
from toolchain import programs as toolchain_programs
from toolchain.audit.commands import audit, manifests, sbom
from toolchain.control_plane import keys
from toolchain.errors import ToolchainError
from toolchain.progress import console
from toolchain.recipes import RECIPES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def _failures_explained() -> Iterator[None]:
    try:
        yield
    except ToolchainError as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("interrupted; `make up` goes on where it stopped", style="red")
        sys.exit(130)


@app.callback()
def blueprint() -> None:
    """A reference architecture of Kubernetes and microservices that runs."""


def _command(work: Callable[[], None], app: typer.Typer = app) -> None:
    @app.command(name=work.__name__, help=(work.__doc__ or "").splitlines()[0])
    def run() -> None:
        with _failures_explained():
            work()


def programs() -> None:
    """Finds or builds every program, and says which lane each took."""
    for name in RECIPES:
        found = toolchain_programs.on_path(name)
        lane = "PATH" if found else "source"
        console.print(f"{name:26} {lane:7} {found or toolchain_programs.build(name)}")


def urls() -> None:
    """Prints the URLs of the running stack."""
    report.print_urls(stack.outputs(lifecycle.stack_name()))


def status() -> None:
    """Prints the state of nodes, pods, capabilities and lanes."""
    report.print_status(lifecycle.settings().cluster, stack.outputs(lifecycle.stack_name()))


@app.command(help="Prints every line of one request, of all services.")
def logs(
    request: Annotated[str, typer.Argument(envvar="REQUEST", help="the id in the answer's header X-Request-Id")],
    since: Annotated[
        str, typer.Option(envvar="SINCE", help="how far back to look: 90s, 15m, 24h")
    ] = central_logs.SINCE,
) -> None:
    """Takes arguments, which make hands on by the environment: no shell reads them."""
    with _failures_explained():
        central_logs.logs(request, since)


encryption_key = typer.Typer(no_args_is_help=True, help="The key that Secrets are encrypted with in etcd.")
app.add_typer(encryption_key, name="encryption-key")


def show() -> None:
    """Prints each key and how many Secrets are encrypted with it; the first one encrypts."""
    for name, count in keys.show(lifecycle.settings().cluster).items():
        console.print(f"{name:8} {count} Secrets")


def add() -> None:
    """Makes a key, which encrypts from now on."""
    console.print(f"{keys.add(lifecycle.settings().cluster)} encrypts from now on")


def rewrite() -> None:
    """Has every Secret encrypted with the newest key."""
    console.print(f"{keys.rewrite(lifecycle.settings().cluster)} Secrets are encrypted with the newest key")


def drop() -> None:
    """Removes every key but the newest; refused while a Secret needs one."""
    console.print(f"dropped: {', '.join(keys.drop(lifecycle.settings().cluster)) or 'none'}")


for _work in (show, add, rewrite, drop):
    _command(_work, encryption_key)

for _work in (
    *(lifecycle.up, lifecycle.preview, lifecycle.down, lifecycle.clean, proving.test, proving.thorough),
    *(programs, urls, status, manifests, audit, sbom),
):
    _command(_work)


if __name__ == "__main__":
    app()
