"""`make up`, `preview` and `down`: what is checked, mended and done, in which order."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from images import builder
from infra.settings import Settings, SettingsError, Target, from_file
from toolchain import engine, kind, paths, preflight, programs, report, stack
from toolchain.errors import ToolchainError
from toolchain.kind import Health
from toolchain.progress import console, step

PROGRAMS = ("pulumi", "kind", "kubectl", "helm")
IMAGES = (
    *("node", "registry", "cilium-agent", "cilium-operator", "local-path-provisioner", "metrics-server"),
    *("toolbox", "postgres", "catalog", "gateway"),
)


def stack_name() -> str:
    """The stack to work on: `BLUEPRINT_STACK`, or `local`."""
    return os.environ.get("BLUEPRINT_STACK") or "local"


def settings() -> Settings:
    """The stack's settings, read before Pulumi starts.

    Raises:
        ToolchainError: the configuration is not valid.
    """
    try:
        return from_file(paths.ROOT, stack_name())
    except SettingsError as error:
        raise ToolchainError(str(error), "the configuration is valid", "see above") from None


def up() -> None:
    """Makes the cluster and everything on it, or brings what is there to what the program says."""
    started = time.monotonic()
    chosen = settings()
    with _alone():
        _provide(chosen)
        stack.select(stack_name())
        stack.mend(stack_name())
        if chosen.target is Target.KIND:
            _mend_cluster(chosen)
        stack.operate("up", stack_name(), "--yes", "--skip-preview", "--suppress-outputs")
    report.print_urls(stack.outputs(stack_name()))
    console.print(f"ready in {time.monotonic() - started:.0f} s")


def require_engine() -> None:
    """Makes sure that a container engine answers."""
    engine.ensure()


def clean() -> None:
    """Drops the user's cache of programs, images, charts and wheels."""
    with step(f"remove {paths.cache()}"):
        shutil.rmtree(paths.cache())


def preview() -> None:
    """Shows what `up` would change, and changes nothing but the caches."""
    chosen = settings()
    with _alone():
        _provide(chosen)
        stack.select(stack_name())
        stack.operate("preview", stack_name(), "--diff")


def down() -> None:
    """Removes the cluster, its network, its volumes and its rules. What is gone already is fine."""
    chosen = settings()
    with _alone():
        engine.ensure()
        with step("find or build pulumi"):
            programs.ensure("pulumi")
        stack.select(stack_name())
        stack.mend(stack_name())
        gone = chosen.target is Target.KIND and kind.health(chosen.cluster) is Health.ABSENT
        if gone:
            stack.forget_resources(stack_name())
        elif stack.resources(stack_name()):
            stack.operate("destroy", stack_name(), "--yes", "--skip-preview")
        if chosen.target is Target.KIND:
            with step("remove what is left of the cluster"):
                kind.delete(chosen.cluster)


def _provide(chosen: Settings) -> None:
    """Everything that the Pulumi program needs from the host, the quick checks first."""
    preflight.check_memory()
    preflight.check_disk()
    engine.ensure()
    if chosen.target is Target.KIND:
        _check_cluster(chosen)
    for name in PROGRAMS:
        programs.ensure(name)
    builder.ensure_all(IMAGES)


def _check_cluster(chosen: Settings) -> None:
    found = kind.health(chosen.cluster)
    if found is Health.FOREIGN:
        kind.refuse_foreign(chosen.cluster)
    if found in (Health.ABSENT, Health.HALF_MADE):
        if found is Health.HALF_MADE:
            with step("remove a cluster that an earlier run left half made"):
                kind.delete(chosen.cluster)
        preflight.check_port(chosen.gateway_port, "blueprint:gatewayPort", "BLUEPRINT_GATEWAY_PORT")
        kind.remove_registry(chosen.cluster)
        preflight.check_port(chosen.registry_port, "blueprint:registryPort", "BLUEPRINT_REGISTRY_PORT")


def _mend_cluster(chosen: Settings) -> None:
    """Brings the cluster and the state together: both there, or neither."""
    name = chosen.cluster
    found, known = kind.health(name), _state_knows_cluster()
    if found is Health.ABSENT and known:
        console.print("! the state knows a cluster that is gone; it is made anew")
        stack.forget_resources(stack_name())
    elif found is not Health.ABSENT and not known:
        raise ToolchainError(
            f"a cluster {name!r} made by this project is there, but the state in .blueprint/ does not know it",
            "cluster and state belong together",
            "`make down` removes the cluster and its data; then `make up`",
        )
    elif found in (Health.STOPPED, Health.SILENT):
        with step(f"start the cluster again (it was {found.value})"):
            kind.start(name)


def _state_knows_cluster() -> bool:
    return any("KindCluster" in resource["type"] for resource in stack.resources(stack_name()))


@contextmanager
def _alone() -> Iterator[None]:
    """One run at a time in this checkout.

    Raises:
        ToolchainError: another run holds the lock.
    """
    with (paths.state() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolchainError(
                "another `make` works on this checkout", "one run at a time", "wait until it ends, then run again"
            ) from None
        yield
