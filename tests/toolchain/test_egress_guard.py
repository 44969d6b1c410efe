"""The egress guard's rule: only new connections, only out of its own bridge, and it knows its own rules again."""

import json

import pytest

from toolchain import egress_guard, network
from toolchain.network import Bridge

LISTING = """-N DOCKER-USER
-A DOCKER-USER -i br-0123 ! -o br-0123 -m conntrack ! --ctstate RELATED,ESTABLISHED -m comment --comment \
"blueprint-egress-guard:shop" -j REJECT --reject-with icmp-port-unreachable
-A DOCKER-USER -i br-0456 ! -o br-0456 -m conntrack ! --ctstate RELATED,ESTABLISHED -m comment --comment \
"blueprint-egress-guard:shop-two" -j REJECT --reject-with icmp-port-unreachable
-A DOCKER-USER -j RETURN
"""


class FakeTables:
    """iptables in memory: a list of rules, listed as iptables does, with the default that it adds to REJECT."""

    def __init__(self) -> None:
        self.rules: list[tuple[str, ...]] = [("-j", "RETURN")]

    def call(self, _program: str, *arguments: str) -> str:
        match arguments:
            case ("-S", _):
                return "\n".join("-A DOCKER-USER " + " ".join(rule) for rule in self.rules)
            case ("-I", _, "1", *rule):
                self.rules.insert(0, (*rule, "--reject-with", "icmp-port-unreachable"))
            case ("-D", _, *rule):
                self.rules.remove(tuple(rule))
        return ""


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> FakeTables:
    fake = FakeTables()
    monkeypatch.setattr(egress_guard, "_call", fake.call)
    monkeypatch.setattr(egress_guard, "_has_chain", lambda _program, chain: chain == "DOCKER-USER")
    monkeypatch.setattr(egress_guard, "find", lambda _name: Bridge("br-0123", False, {}))
    return fake


def test_the_rule_rejects_new_connections_that_leave_the_bridge() -> None:
    words = " ".join(egress_guard.rule("shop", "br-0123"))
    assert words.startswith("-i br-0123 ! -o br-0123 -m conntrack ! --ctstate RELATED,ESTABLISHED")
    assert words.endswith("--comment blueprint-egress-guard:shop -j REJECT")


def test_a_network_s_rules_are_told_from_those_of_one_with_a_longer_name() -> None:
    rules = egress_guard.parse_rules(LISTING, "DOCKER-USER")
    assert len(rules) == 3
    assert [rule[1] for rule in egress_guard.tagged(rules, "shop")] == ["br-0123"]


def test_applying_twice_leaves_one_rule_and_removing_leaves_none(tables: FakeTables) -> None:
    egress_guard.apply("shop")
    once = list(tables.rules)
    egress_guard.apply("shop")
    assert tables.rules == once
    assert len(once) == 2
    egress_guard.remove("shop")
    assert tables.rules == [("-j", "RETURN")]


def test_a_rule_for_a_bridge_of_old_is_replaced(tables: FakeTables) -> None:
    tables.call("iptables", "-I", "DOCKER-USER", "1", *egress_guard.rule("shop", "br-old"))
    egress_guard.apply("shop")
    assert [rule[1] for rule in egress_guard.tagged(tables.rules, "shop")] == ["br-0123"]


@pytest.mark.parametrize(
    ("described", "bridge"),
    [
        ({"Id": "0123456789abcdef", "EnableIPv6": False}, Bridge("br-0123456789ab", False, {})),
        (
            {
                "Id": "0123456789abcdef",
                "EnableIPv6": True,
                "Options": {"com.docker.network.bridge.name": "mine"},
                "Labels": {"io.blueprint.cluster": "shop"},
            },
            Bridge("mine", True, {"io.blueprint.cluster": "shop"}),
        ),
    ],
)
def test_a_bridge_is_read_from_docker_s_description(described: dict[str, object], bridge: Bridge) -> None:
    assert network.parse(json.dumps([described])) == bridge


COUNTED = """\
Chain DOCKER-USER (1 references)
    pkts      bytes target     prot opt in     out     source               destination
      50     3024 REJECT     0    --  br-9bb261c08c44 !br-9bb261c08c44  0.0.0.0/0  0.0.0.0/0  ! ctstate \
RELATED,ESTABLISHED /* blueprint-egress-guard:town */ reject-with icmp-port-unreachable
       7      420 REJECT     0    --  br-111111111111 !br-111111111111  0.0.0.0/0  0.0.0.0/0  ! ctstate \
RELATED,ESTABLISHED /* blueprint-egress-guard:town-two */ reject-with icmp-port-unreachable
     678   186308 RETURN     0    --  *      *       0.0.0.0/0            0.0.0.0/0
"""


def test_what_a_network_s_own_rule_rejected_is_counted() -> None:
    assert egress_guard.parse_counts(COUNTED, "town") == [50]
    assert egress_guard.parse_counts(COUNTED, "village") == []
