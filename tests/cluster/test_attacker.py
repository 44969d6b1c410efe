"""A leaked catalog pod: somebody has a shell in it. What they reach is named here by hand, not read from the flows."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from policies.flows.model import Identity
from tests.cluster.kube import Kube, ready
from tests.cluster.matrix import intruder
from tests.cluster.matrix.hubble import POLICY_REASONS, DropLog
from tests.cluster.matrix.outside import PORT, answers, on_the_host, outside_host, registry_address
from tests.cluster.matrix.probing import Prober, knock
from tests.cluster.matrix.table import snapshot
from tests.cluster.matrix.targets import Target, targets
from tests.cluster.matrix.verdicts import ARRIVED
from tests.cluster.shop import PYTHON, pods_of
from toolchain import lifecycle, registry

POSTGRES, VALKEY = (Identity("data", "postgres"), 5432), (Identity("data", "valkey"), 6379)
NAME_SERVERS = ("service kube-system/kube-dns:53/", "pod kube-system/kube-dns:53/")
FOLDERS = ["/", "/app", "/bin", "/etc", "/home", "/opt/venv", "/root", "/run/secrets/postgres", "/usr", "/var", "/tmp"]  # noqa: S108
OWN_SECRETS = {("shop", "catalog-postgres"), ("shop", "catalog-valkey")}
SHORTEST_SECRET = 12
"""A shorter value may stand in any text by chance."""


@pytest.fixture
def leaked(kube: Kube) -> Prober:
    """A catalog pod, as it serves the shop: the last, since the first one is a door."""
    pod = [pod for pod in pods_of(kube, "shop", "catalog") if ready(pod)][-1]
    return Prober("shop", pod["metadata"]["name"], pod["status"]["podIP"], pod["spec"]["nodeName"])


@pytest.fixture
def tried(kube: Kube, leaked: Prober) -> dict[str, Any]:
    """What the intruder tried inside the pod, and what came of it."""
    users = ("catalog", "inventory", "orders", "postgres")
    asked = {
        "logins": [[user, database] for user in users for database in (*users, "template1")],
        "commands": ["PING", "GET orders:1", "CONFIG GET dir", "KEYS *", "ACL LIST", "FLUSHALL", "GET catalog:none"],
        "folders": FOLDERS,
    }
    command = ("exec", "--stdin", "--namespace", leaked.namespace, leaked.name, "--container", "catalog", "--", PYTHON)
    found = kube.run(*command, "-c", Path(intruder.__file__).read_text(), stdin=json.dumps(asked))
    return dict(json.loads(found))


@pytest.mark.serial  # a pod that is replaced meanwhile would look like one that is out of reach
@pytest.mark.concept("B5", "I6", "J6")
def test_a_leaked_pod_reaches_what_it_needs_and_nothing_else(
    kube: Kube, leaked: Prober, cluster: str, outputs: dict[str, Any]
) -> None:
    """Its database, its cache and names answer; all other stores, pods, nodes, the API, the outside are dropped."""
    image = on_the_host(cluster, str(outputs["images"]["payments"]), lifecycle.settings().registry_port)
    ours = {name: name for name in outputs["namespaces"]}
    at_registry = registry_address(cluster)
    with outside_host(cluster, image) as outside:
        assert answers(outside, PORT) and answers(at_registry, registry.PORT), "the hosts outside are not there at all"
        doors = [door for door in targets(snapshot(kube, ours), outside, at_registry) if not _itself(door, leaked)]
        log = DropLog(kube)
        outcomes = knock(kube, leaked, doors, container="catalog")
        dropped = {door.name: outcomes[door.name].knock for door in doors if not _needed(door)}
        log.wait_for(dropped.values())
    reached = {name for name, outcome in outcomes.items() if outcome.word in ARRIVED}
    assert reached == {door.name for door in doors if _needed(door)}
    drops = {name: log.of(knocked) for name, knocked in dropped.items()}
    assert not [name for name, drop in drops.items() if drop is None or drop.reason not in POLICY_REASONS]


def _itself(door: Target, pod: Prober) -> bool:
    """Whether the door may lead the pod to itself, which it reaches without any network."""
    return any(address == pod.address for address, _ in door.leads_to)


def _needed(door: Target) -> bool:
    stores = (door.destination, door.inner_port) in (POSTGRES, VALKEY) and door.protocol == "TCP"
    return stores or door.name.startswith(NAME_SERVERS)


@pytest.mark.concept("A2")
def test_a_leaked_login_opens_its_own_database_only(tried: dict[str, Any]) -> None:
    """With the catalog's password there is a way into the catalog's database, as the catalog, and no other."""
    assert [pair for pair, answer in tried["logins"].items() if answer == "in"] == ["catalog@catalog"], tried["logins"]
    refused = set(tried["logins"].values()) - {"in"}
    assert refused <= {"InvalidPasswordError", "InvalidAuthorizationSpecificationError", "InsufficientPrivilegeError"}


@pytest.mark.concept("A2")
def test_a_leaked_login_may_use_its_own_keys_of_the_cache_only(tried: dict[str, Any]) -> None:
    """Its own keys are read; other keys, the list of keys, the server's settings and users are refused."""
    answers = tried["cache"]
    assert (answers["AUTH"], answers["PING"], answers["GET catalog:none"]) == ("+OK", "+PONG", "$-1")
    refused = ["GET orders:1", "CONFIG GET dir", "KEYS *", "ACL LIST", "FLUSHALL"]
    assert all(answers[command].startswith("-NOPERM") for command in refused), answers


@pytest.mark.concept("B5")
def test_a_leaked_pod_holds_no_token_and_no_secret_of_others(kube: Kube, tried: dict[str, Any]) -> None:
    """Of all values of all Secrets, environment and files hold the catalog's own and no other; no token is there."""
    own: set[str] = set()
    others: dict[str, str] = {}
    for secret in kube.items("secrets", "--all-namespaces"):
        place, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        for key, value in (secret.get("data") or {}).items():
            text = base64.b64decode(value).decode(errors="replace").strip()
            if (place, name) in OWN_SECRETS:
                own.add(text)
            elif len(text) >= SHORTEST_SECRET and not key.endswith(".crt"):  # a certificate is no secret
                others[text] = f"{place}/{name}: {key}"
    assert own and all(text in tried["readable"] for text in own)
    assert len(others.keys() - own) > 3
    assert not [found for text, found in others.items() if text in tried["readable"] and text not in own]
    assert not tried["token"]


@pytest.mark.concept("B5")
def test_a_leaked_shell_can_change_and_become_nothing(tried: dict[str, Any]) -> None:
    """Only /tmp is writable; the process is no root, has no capability, can gain none, and its calls are filtered."""
    assert tried["writable"] == ["/tmp"]  # noqa: S108 - the pod's own
    process = tried["process"]
    assert process["Uid"].split()[0] != "0"
    assert int(process["CapEff"], 16) == 0
    assert int(process["CapBnd"], 16) == 0
    assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
