"""A cluster's Docker network, of the cluster's name. Owns making, telling and removing it; `egress_guard` guards it."""

import json
from dataclasses import dataclass

from toolchain.errors import ToolchainError
from toolchain.shell import run

LABEL = "io.blueprint.cluster"
SECONDS = 30
_REMEDY = "check `docker info`, then run the command again"


@dataclass(frozen=True)
class Bridge:
    """A Docker bridge network.

    Attributes:
        interface: its interface on the host.
        ipv6: whether its containers have IPv6 addresses.
        labels: its labels.
    """

    interface: str
    ipv6: bool
    labels: dict[str, str]


def ensure(name: str) -> None:
    """Makes the network where it is missing. Apply the egress guard before its first container starts.

    Raises:
        ToolchainError: a network of that name is there that this project did not make, or Docker refused.
    """
    if find(name) is None:
        _docker("network", "create", "--driver", "bridge", "--label", f"{LABEL}={name}", name)
    elif not is_ours(name):
        raise _foreign(name)


def remove(name: str) -> None:
    """Removes the network; one that is gone already is fine.

    Raises:
        ToolchainError: containers still use it, or this project did not make it.
    """
    if find(name) is None:
        return
    if not is_ours(name):
        raise _foreign(name)
    _docker("network", "rm", name)


def is_ours(name: str) -> bool:
    """Whether the network exists and was made by `ensure`."""
    bridge = find(name)
    return bridge is not None and bridge.labels.get(LABEL) == name


def find(name: str) -> Bridge | None:
    """The network of exactly that name, or None.

    Raises:
        ToolchainError: Docker does not answer.
    """
    listed = _docker("network", "ls", "--filter", f"name=^{name}$", "--format", "{{.Name}}").split()
    return parse(_docker("network", "inspect", name)) if name in listed else None


def parse(inspected: str) -> Bridge:
    """The bridge that `docker network inspect` describes (a JSON list of one network)."""
    network = json.loads(inspected)[0]
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return Bridge(
        interface=named or f"br-{network['Id'][:12]}",
        ipv6=bool(network.get("EnableIPv6")),
        labels=network.get("Labels") or {},
    )


def _foreign(name: str) -> ToolchainError:
    return ToolchainError(
        f"a Docker network {name!r} is there that this project did not make",
        "only networks made by `make up` are touched",
        f"choose another name (BLUEPRINT_CLUSTER=…), or remove it yourself: docker network rm {name}",
    )


def _docker(*arguments: str) -> str:
    return run(["docker", *arguments], seconds=SECONDS, remedy=_REMEDY)
