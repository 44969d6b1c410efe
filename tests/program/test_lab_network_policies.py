"""The lab's rules, side by side: both kinds of policy speak of the same ports, and the pod answers on each of them."""

from typing import Any

from infra.lab import network_policies as lab
from tests.program.recording import Recorded

Rule = dict[str, Any]


def spans(rule: Rule) -> set[tuple[int, int, str]]:
    """The rule's ranges of ports with their protocols, of either kind of policy."""
    ports = rule["ports"] if "ports" in rule else rule["toPorts"][0]["ports"]
    return {(int(one["port"]), int(one.get("endPort", one["port"])), one["protocol"]) for one in ports}


def test_both_kinds_let_in_at_the_same_ports() -> None:
    assert [spans(rule) for rule in lab.ingress()["ingress"]] == [
        spans(rule) for rule in lab.cilium_ingress()["ingress"]
    ]


def test_both_kinds_let_out_at_the_same_ports_but_for_what_only_cilium_can_name() -> None:
    *shared, api_server, outside = [spans(rule) for rule in lab.cilium_egress()["egress"]]
    assert [spans(rule) for rule in lab.egress()["egress"]] == shared
    assert (api_server, outside) == ({(6443, 6443, "TCP")}, {(8080, 8080, "TCP")})


def test_the_pod_answers_on_every_port_that_a_rule_opens_and_on_one_that_none_does() -> None:
    opened = {
        port for rule in lab.ingress()["ingress"] for first, last, _ in spans(rule) for port in range(first, last + 1)
    }
    assert set(lab.PORTS) - opened == {lab.CLOSED}
    script = lab.answers()[-1]
    assert all(f"-p {port} " in script for port in lab.PORTS)


def test_on_another_network_there_are_only_kubernetes_own(existing_stack: Recorded) -> None:
    """Neither Cilium's policies, nor pods that none of them would guard."""
    names = {one.name for one in existing_stack.kubernetes()}
    assert {lab.GUARDED, lab.CONFINED} <= names
    assert not {lab.GUARDED + lab.CILIUM, lab.CONFINED + lab.CILIUM, lab.QUARANTINE} & names


def test_nobody_is_in_quarantine_at_rest(kind_stack: Recorded) -> None:
    for name, pod in (
        (one.name, one.inputs["spec"].get("template", {})) for one in kind_stack.kubernetes() if "spec" in one.inputs
    ):
        assert not lab.QUARANTINED.items() & pod.get("metadata", {}).get("labels", {}).items(), name
