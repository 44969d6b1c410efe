"""The egress guard: what runs in a cluster's Docker network cannot open a connection to anywhere else.

Without it a connection to a Service that has no endpoints yet leaves the host, and whatever answers there is kept as a
pooled connection. Owns the rules; the network is `network`'s.

Connections from the host to a container, to a published port or to a LoadBalancer address work as before: their replies
are established. What a container sends to the host's own addresses is the INPUT chain's matter and is not touched.
Containers that fetch images from public registries need the way out: apply the guard in the source lane only.
"""

import subprocess

from toolchain import debian_packages
from toolchain.errors import ToolchainError
from toolchain.network import Bridge, find
from toolchain.shell import run

CHAIN = "DOCKER-USER"
SECONDS = 30


def apply(network: str) -> None:
    """Rejects every connection from the network's bridge to elsewhere. Idempotent: applying twice leaves one rule.

    Args:
        network: the name of a Docker bridge network; call this before its first container starts.

    Raises:
        ToolchainError: there is no such network, or the rules cannot be set (not root, no iptables).
    """
    bridge = find(network)
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


def counted(network: str) -> list[int]:
    """How many packets each of the network's IPv4 rules has rejected so far; one number while the guard is in force.

    Raises:
        ToolchainError: the rules cannot be read (not root, no iptables).
    """
    chain = CHAIN if _has_chain("iptables", CHAIN) else "FORWARD"
    return parse_counts(_call("iptables", "-L", chain, "-n", "-v", "-x"), network)


def parse_counts(listing: str, network: str) -> list[int]:
    """The packets of the network's rules in what `iptables -L -n -v -x` prints."""
    own = f"/* {comment(network)} */"
    return [int(line.split()[0]) for line in listing.splitlines() if own in line]


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


def _has_chain(program: str, chain: str) -> bool:
    command = [_iptables(program), "--wait", "-S", chain]
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode == 0


def _rules(program: str, chain: str) -> list[tuple[str, ...]]:
    return parse_rules(_call(program, "-S", chain), chain) if _has_chain(program, chain) else []


def _call(program: str, *arguments: str) -> str:
    return run(
        [_iptables(program), "--wait", *arguments],
        seconds=SECONDS,
        remedy="iptables rules are root's: run the command again as root, with Docker on this host",
    )


def _iptables(program: str) -> str:
    found = debian_packages.find(program)
    if found is None:
        raise ToolchainError(f"no `{program}` on this host", "the egress guard is made with it", "install iptables")
    return found
