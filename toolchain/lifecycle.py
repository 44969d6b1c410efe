"""`make up`, `preview` and `down`: what is checked, mended and done, in which order."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from images import builder
from infra.settings import Settings, SettingsError, Target, from_file
from toolchain import backend, engine, kind, paths, policy_pack, preflight, programs, registry, report, stack
from toolchain.errors import ToolchainError
from toolchain.kind import Health
from toolchain.progress import console, step

PROGRAMS = ("pulumi", "kind", "kubectl", "helm")
IMAGES = (
    *("node", "registry", "cilium-agent", "cilium-operator", "local-path-provisioner", "metrics-server"),
    *("toolbox", "postgres", "valkey", "nats", "streams", "contour", "envoy", "issuer"),
    *("gateway", "web", "catalog", "inventory", "orders", "payments", "notifications", "report", "loadgen"),
    *("prometheus", "victoria-metrics", "alertmanager", "mailbox", "pager", "pushgateway", "metrics-adapter"),
    *("kube-state-metrics", "node-exporter", "blackbox-exporter"),
    *("postgres-exporter", "valkey-exporter", "nats-exporter", "victoria-logs", "log-agent"),
)


SERVING_SECONDS = 600
"""From the start of a cluster's nodes to its first answers: all its pods start at once then."""


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
        _provide(chosen, _make_room)
        stack.select(stack_name())
        stack.mend(stack_name())
        restarted = chosen.target is Target.KIND and _mend_cluster(chosen)
        report.print_lanes(PROGRAMS, backend.plugin_lane(), IMAGES)
        stack.operate("up", stack_name(), "--yes", "--skip-preview", "--suppress-outputs", *policy_pack.OPTIONS)
        outputs = stack.outputs(stack_name())
        if restarted:
            _wait_for_the_shop(outputs["urls"]["gateway"])
    report.print_urls(outputs)
    console.print(f"ready in {time.monotonic() - started:.0f} s")


def provide() -> None:
    """Makes what `up` takes from the host, its programs and images, and leaves every cluster as it is."""
    with _alone():
        _provide(settings(), _own_health)


def clean() -> None:
    """Drops the user's cache of programs, images, charts and wheels."""
    with step(f"remove {paths.cache()}"):
        shutil.rmtree(paths.cache())


def preview() -> None:
    """Shows what `up` would change, and changes nothing but the caches."""
    chosen = settings()
    with _alone():
        _provide(chosen, _own_health)
        stack.select(stack_name())
        stack.operate("preview", stack_name(), "--diff", *policy_pack.OPTIONS)


def down() -> None:
    """Removes the cluster, its network, its volumes and its rules. What is gone already is fine.

    Of a kind cluster the engine is not asked to delete one resource after the other: all of them live in the cluster's
    own containers, and go with these in a sixth of the time.
    """
    chosen = settings()
    with _alone():
        engine.ensure()
        if chosen.target is Target.KIND:
            _own_health(chosen)
        with step("find or build pulumi"):
            programs.ensure("pulumi")
        stack.select(stack_name())
        stack.mend(stack_name())
        if chosen.target is Target.KIND:
            _own_cluster_in_state(chosen)
            with step("remove the cluster, its registry, network, volumes and rules"):
                kind.delete(chosen.cluster)
            stack.forget_resources(stack_name())
        elif stack.resources(stack_name()):
            stack.operate("destroy", stack_name(), "--yes", "--skip-preview")


def _provide(chosen: Settings, check_cluster: Callable[[Settings], object]) -> None:
    """Everything that the Pulumi program needs from the host, the quick checks first."""
    preflight.check_memory()
    preflight.check_disk()
    engine.ensure()
    if chosen.target is Target.KIND:
        check_cluster(chosen)
    for name in PROGRAMS:
        programs.ensure(name)
    builder.ensure_all(IMAGES)


def _own_health(chosen: Settings) -> Health:
    """The cluster's state, which is not FOREIGN.

    Raises:
        ToolchainError: the cluster of that name is not ours.
    """
    found = kind.health(chosen.cluster)
    if found is Health.FOREIGN:
        kind.refuse_foreign(chosen.cluster)
    return found


def _make_room(chosen: Settings) -> None:
    """Where a cluster is to be made: nothing half made is left, and its ports are free."""
    found = _own_health(chosen)
    if found in (Health.ABSENT, Health.HALF_MADE):
        if found is Health.HALF_MADE:
            with step("remove a cluster that an earlier run left half made"):
                kind.delete(chosen.cluster)
        preflight.check_port(chosen.gateway_port, "blueprint:gatewayPort", "BLUEPRINT_GATEWAY_PORT")
        registry.remove(chosen.cluster)
        preflight.check_port(chosen.registry_port, "blueprint:registryPort", "BLUEPRINT_REGISTRY_PORT")


def _mend_cluster(chosen: Settings) -> bool:
    """Brings the cluster and the state together: both there, or neither. Says whether it started the cluster again."""
    name, known = chosen.cluster, _own_cluster_in_state(chosen)
    found = kind.health(name)
    if found is Health.ABSENT and known:
        console.print("! the state knows a cluster that is gone; it is made anew")
        stack.forget_resources(stack_name())
    if found is not Health.ABSENT and not known:
        kind.refuse_unknown(name)
    restarts = found in (Health.STOPPED, Health.MOVED, Health.SILENT)
    if restarts:
        with step(f"start the cluster again (it was {found.value})"):
            kind.start(name, chosen.registry_port, builder.reference("registry"))
        found = kind.health(name)
    if found is Health.LACKS_NODES:
        raise ToolchainError(
            f"the cluster {name!r} lacks nodes that it was made with",
            "kind cannot add a node, and what was stored on it is gone with it",
            "`make down` removes the cluster and its data; then `make up`",
        )
    return restarts


def _wait_for_the_shop(gateway: str) -> None:
    """Waits until the gateway serves products: Pulumi finds a restarted cluster as it left it, whatever its pods do.

    Raises:
        ToolchainError: it does not within 600 s.
    """
    deadline = time.monotonic() + SERVING_SECONDS
    with step("wait until products are served again"), httpx.Client(timeout=5) as client:
        while (answer := _answer(client, f"{gateway}/api/products")) != "200":
            if time.monotonic() > deadline:
                raise ToolchainError(
                    f"{gateway}/api/products: {answer}",
                    f"products are served within {SERVING_SECONDS} s after the cluster started again",
                    "`make status` shows which pods are not ready",
                )
            time.sleep(1)


def _answer(client: httpx.Client, url: str) -> str:
    """The status of the answer, or why there is none."""
    try:
        return str(client.get(url).status_code)
    except httpx.HTTPError as error:
        return repr(error)


def _own_cluster_in_state(chosen: Settings) -> bool:
    """Whether the stack's state knows the kind cluster.

    One stack has one cluster: under another name Pulumi would replace the cluster, and its data would be gone.

    Raises:
        ToolchainError: the state knows a cluster of another name.
    """
    known = _cluster_in_state()
    if known not in (None, chosen.cluster):
        raise ToolchainError(
            f"stack {stack_name()!r} has the cluster {known!r}, not {chosen.cluster!r}",
            "a stack has one cluster",
            f"`BLUEPRINT_CLUSTER={known} make down` first, or use another checkout for another cluster",
        )
    return known is not None


def _cluster_in_state() -> str | None:
    """The name of the kind cluster that the stack's state knows, or None."""
    urns = [resource["urn"] for resource in stack.resources(stack_name()) if "KindCluster" in resource["type"]]
    return str(urns[0]).rpartition("::")[2] if urns else None


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
