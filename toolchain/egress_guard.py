"""The egress guard: what runs in a cluster's Docker network cannot open a connection to anywhere else.

Without it a connection to a Service that has no endpoints yet leaves the host, and whatever answers there is kept as a
pooled connection. Owns the rules and the network they belong to. One Docker network per cluster, of the cluster's name.

Connections from the host to a container, to a published port or to a LoadBalancer address work as before: their replies
are established. What a container sends to the host's own addresses is the INPUT chain's matter and is not touched.
Containers that fetch images from public registries need the way out: apply the guard in the source lane only.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass

from toolchain import debian_packages
from toolchain.errors import ToolchainError

CHAIN = "DOCKER-USER"
SECONDS = 30


@dataclass(frozen=True)
class Bridge:
    """A Docker bridge network: its interface on the host, and whether it has IPv6."""

    interface: str
    ipv6: bool


def apply(network: str) -> None:
    """Rejects every connection from the network's bridge to elsewhere. Idempotent: applying twice leaves one rule.

    Args:
        network: the name of a Docker bridge network; call this before its first container starts.

    Raises:
        ToolchainError: there is no such network, or the rules cannot be set (not root, no iptables).
    """
    bridge = _bridge(network)
    if bridge is None:
        raise ToolchainError(
            f"no Docker network {network!r}", "the guard belongs to a network", "make the network first"
        )
    wanted = rule(network, bridge.interface)
    for program in _programs(bridge):
        _reconcile(program, network, wanted)


def remove(network: str) -> None:
    """Removes the network's rules, whether or not the network still exists. Nothing to remove is no error."""
    for program in ("iptables", "ip6tables"):
        if debian_packages.find(program):
            for chain in (CHAIN, "FORWARD"):
                for arguments in tagged(_rules(program, chain), network):
                    _call(program, "-D", chain, *arguments)


def ensure_network(name: str) -> None:
    """Makes the cluster's Docker network where it is missing, with the guard in place.

    Raises:
        ToolchainError: the network or the guard cannot be made.
    """
    if _bridge(name) is None:
        _run([_docker(), "network", "create", "--driver", "bridge", "--label", f"blueprint.cluster={name}", name])
    apply(name)


def remove_network(name: str) -> None:
    """Removes the guard and the cluster's network. A network that is not there is no error.

    Raises:
        ToolchainError: containers still use the network.
    """
    remove(name)
    if _bridge(name) is not None:
        _run([_docker(), "network", "rm", name])


def comment(network: str) -> str:
    """The comment by which the guard knows its own rules again."""
    return f"blueprint-egress-guard:{network}"


def rule(network: str, interface: str) -> tuple[str, ...]:
    """The rule's iptables arguments, in the order in which iptables itself lists them."""
    leaving = ("-i", interface, "!", "-o", interface)
    opening = ("-m", "conntrack", "!", "--ctstate", "RELATED,ESTABLISHED")
    return (*leaving, *opening, "-m", "comment", "--comment", comment(network), "-j", "REJECT")


def tagged(rules: list[tuple[str, ...]], network: str) -> list[tuple[str, ...]]:
    """Those rules that carry the network's comment."""
    return [arguments for arguments in rules if comment(network) in arguments]


def parse_rules(listing: str, chain: str) -> list[tuple[str, ...]]:
    """The rules of `iptables -S <chain>`, without their `-A <chain>`."""
    words = [line.replace('"', "").split() for line in listing.splitlines()]
    return [tuple(line[2:]) for line in words if line[:2] == ["-A", chain]]


def parse_bridge(inspected: str) -> Bridge:
    """The bridge that `docker network inspect` describes (a JSON list of one network)."""
    network = json.loads(inspected)[0]
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return Bridge(interface=named or f"br-{network['Id'][:12]}", ipv6=bool(network.get("EnableIPv6")))


def _reconcile(program: str, network: str, wanted: tuple[str, ...]) -> None:
    """Leaves exactly one rule of ours: the wanted one, first in its chain."""
    chain = CHAIN if _has_chain(program, CHAIN) else "FORWARD"
    found = tagged(_rules(program, chain), network)
    if [sorted(arguments) for arguments in found] == [sorted((*wanted, *_DEFAULT_REJECT[program]))]:
        return
    _call(program, "-I", chain, "1", *wanted)
    for arguments in found:
        _call(program, "-D", chain, *arguments)


# What iptables adds to `-j REJECT` when it lists the rule.
_DEFAULT_REJECT = {
    "iptables": ("--reject-with", "icmp-port-unreachable"),
    "ip6tables": ("--reject-with", "icmp6-port-unreachable"),
}


def _programs(bridge: Bridge) -> list[str]:
    return ["iptables", "ip6tables"] if bridge.ipv6 else ["iptables"]


def _bridge(network: str) -> Bridge | None:
    command = [_docker(), "network", "inspect", network]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode == 0:
        return parse_bridge(done.stdout)
    if "no such network" in done.stderr.lower() or "not found" in done.stderr.lower():
        return None
    raise _failed(command, done.stderr)


def _has_chain(program: str, chain: str) -> bool:
    command = [_iptables(program), "--wait", "-S", chain]
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0


def _rules(program: str, chain: str) -> list[tuple[str, ...]]:
    return parse_rules(_call(program, "-S", chain), chain) if _has_chain(program, chain) else []


def _call(program: str, *arguments: str) -> str:
    return _run([_iptables(program), "--wait", *arguments])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise _failed(command, done.stderr)
    return done.stdout


def _failed(command: list[str], answer: str) -> ToolchainError:
    return ToolchainError(
        f"`{' '.join(command)}` failed: {answer.strip()}",
        "the cluster's network is cut off from the world by iptables rules, which only root may set",
        "run the command again as root, with Docker on this host",
    )


def _iptables(program: str) -> str:
    found = debian_packages.find(program)
    if found is None:
        raise ToolchainError(f"no `{program}` on this host", "the egress guard is made with it", "install iptables")
    return found


def _docker() -> str:
    found = shutil.which("docker")
    if found is None:
        raise ToolchainError("no `docker` on PATH", "the network is Docker's", "run `make up`, which installs it")
    return found
