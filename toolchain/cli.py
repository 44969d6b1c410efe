"""The command line behind the Makefile. Owns arguments and exit codes; each command's work is a module of its own."""

import sys

import typer

from toolchain import programs as toolchain_programs
from toolchain.errors import ToolchainError
from toolchain.progress import console
from toolchain.recipes import RECIPES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def blueprint() -> None:
    """A reference architecture of Kubernetes and microservices that runs."""


@app.command()
def programs() -> None:
    """Finds or builds every program, and says which lane each took."""
    try:
        for name in RECIPES:
            found = toolchain_programs.on_path(name)
            lane = "PATH" if found else "source"
            console.print(f"{name:26} {lane:7} {found or toolchain_programs.build(name)}")
    except ToolchainError as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    app()
