"""Runs one Pulumi program in this process, connected to the engine's monitor. Started by the language host."""

import argparse
import asyncio
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pulumi
from pulumi.runtime import Settings, configure, get_config_env, set_all_config
from pulumi.runtime.config import get_config_secret_keys_env

MESSAGE_SHOWN = 32
"""Exit code that tells the language host that the user has seen the error already. Source: Pulumi's own runner."""
THREADS_PER_OPERATION = 4


def main(arguments: list[str]) -> int:
    """Configures the SDK, runs the program, and waits for all its resources; gives the exit code."""
    given = _parse(arguments)
    set_all_config(get_config_env(), get_config_secret_keys_env())
    configure(
        Settings(
            monitor=given.monitor,
            engine=given.engine,
            project=given.project,
            stack=given.stack,
            parallel=given.parallel,
            dry_run=given.dry_run == "true",
            organization=given.organization,
            root_directory=given.root_directory,
        )
    )
    os.chdir(given.pwd)
    sys.argv = [given.program]
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # futures of failed resources are never awaited
    return _run(given.program, max(given.parallel, 1) * THREADS_PER_OPERATION)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("monitor", "engine", "project", "stack", "organization", "root_directory", "pwd"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--dry_run", default="false")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("program")
    return parser.parse_args(arguments)


def _run(program: str, threads: int) -> int:
    path = str(Path(program).absolute())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with ThreadPoolExecutor(max_workers=threads) as executor:
        loop.set_default_executor(executor)
        try:
            loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: _run_program(program)))
        except pulumi.RunError as error:
            pulumi.log.error(str(error))
            return MESSAGE_SHOWN
        except Exception as error:
            pulumi.log.error(f"Program failed with an unhandled exception:\n{users_traceback(error, path)}")
            return MESSAGE_SHOWN
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _run_program(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def users_traceback(error: BaseException, program: str) -> str:
    """The traceback from the user's program on; the whole one where the program is not in it."""
    own = {program, str(Path(program) / "__main__.py")}
    frames = traceback.extract_tb(error.__traceback__)
    first = next((index for index, frame in enumerate(frames) if str(Path(frame.filename).absolute()) in own), 0)
    shown = frames[first:]
    return "".join(
        ["Traceback (most recent call last):\n", *traceback.format_list(shown), *traceback.format_exception_only(error)]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
