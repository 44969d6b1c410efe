"""The lab, chapter 4: each kind of Service does what it is for, seen from a client that policies/flows knows."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from policies.flows.identities import VISITOR
from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, endpoints, exhibit, names, place, settled, wait
from tests.cluster.pods import fetch, idle_command, inside, start, toolbox_pod
from tests.cluster.shop import pods_of

DOMAIN = "lab.svc.cluster.local"
CONNECTIONS = 20
"""So many that two pods chosen by chance would both be met but once in half a million runs."""


@pytest.fixture
def client(kube: Kube, outputs: dict[str, Any]) -> Iterator[str]:
    """A client pod in the lab itself: from a test's namespace nobody is let in."""
    name = f"visitor-{uuid.uuid4().hex[:8]}"
    try:
        start(kube, LAB, toolbox_pod(name, str(outputs["images"]["toolbox"]), idle_command(), labels=VISITOR.labels))
        yield name
    finally:
        kube.run("delete", "pod", name, "--namespace", LAB, "--ignore-not-found", "--wait=false")


@pytest.fixture
def echoes(kube: Kube) -> set[str]:
    """The names of the pods behind the Services."""
    return names(settled(kube, LAB, "echo", 2))


@pytest.mark.concept("C2", "C6", "J4")
def test_each_port_of_a_service_answers(kube: Kube, client: str, echoes: set[str]) -> None:
    """The same name answers on port 80 as the pods do on one of theirs, and on port 81 as on the other."""
    answered, text = fetch(kube, LAB, client, f"http://echo.{LAB}/")
    assert answered and text in echoes
    answered, text = fetch(kube, LAB, client, f"http://echo.{LAB}:81/")
    assert answered and text in {f"admin of {name}" for name in echoes}
    assert not fetch(kube, LAB, client, f"http://echo.{LAB}:82/", seconds=2)[0]


@pytest.mark.concept("C6")
def test_a_client_sticks_to_one_pod_where_the_service_says_so(kube: Kube, client: str, echoes: set[str]) -> None:
    """Of twenty connections all go to one pod; without session affinity they go to both."""
    assert len(_met(kube, client, "echo-sticky")) == 1
    assert _met(kube, client, "echo") == echoes


def _met(kube: Kube, client: str, service: str) -> set[str]:
    """The pods that answer a row of new connections."""
    loop = f"for i in $(seq {CONNECTIONS}); do wget -q -T 5 -O - http://{service}.{LAB}/ || exit 1; done"
    return set(inside(kube, LAB, client, "sh", "-c", loop).split())


@pytest.mark.concept("C6", "B7", "D9")
def test_the_name_of_a_headless_service_lists_its_pods(kube: Kube, client: str, echoes: set[str]) -> None:
    """DNS answers with the address of each pod; for the other Services with one address that is no pod's."""
    addresses = {pod["status"]["podIP"] for pod in pods_of(kube, LAB, "echo") if pod["metadata"]["name"] in echoes}
    headless = _looked_up(kube, client, f"echo-headless.{DOMAIN}")
    assert all(address in headless for address in addresses), headless
    plain = _looked_up(kube, client, f"echo.{DOMAIN}")
    assert kube.get("service", "echo", "--namespace", LAB)["spec"]["clusterIP"] in plain
    assert not addresses & plain


@pytest.mark.concept("C5", "D9")
def test_an_external_name_leads_elsewhere(kube: Kube, client: str, echoes: set[str]) -> None:
    """DNS answers with the other name, and what the alias is asked, the other one answers."""
    command = ["exec", "--namespace", LAB, client, "--", "nslookup", f"echo-alias.{DOMAIN}"]
    assert f"echo.{DOMAIN}" in kube.attempt(*command).stdout.replace(f"echo-alias.{DOMAIN}", "")
    answered, text = fetch(kube, LAB, client, f"http://echo-alias.{LAB}/")
    assert answered and text in echoes
    assert "clusterIP" not in kube.get("service", "echo-alias", "--namespace", LAB)["spec"]


def _looked_up(kube: Kube, client: str, name: str) -> set[str]:
    answer = kube.attempt("exec", "--namespace", LAB, client, "--", "nslookup", "-type=a", name)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("Address")]
    return {line.split()[-1] for line in lines[1:]}


@pytest.mark.concept("C7")
def test_a_relabelled_pod_leaves_its_service_and_returns(kube: Kube, namespace: str) -> None:
    """Both pods are served to → one loses the label: it leaves, and is not replaced → it gets it back: both again."""
    place(kube, namespace, exhibit(kube, "deployment", "echo"), exhibit(kube, "service", "echo"))
    both = names(settled(kube, namespace, "echo", 2))
    wait(kube, namespace, "both pods are endpoints", lambda: endpoints(kube, namespace, "echo") == both)
    chosen = sorted(both)[0]
    kube.run("label", "pod", chosen, "blueprint/serving=false", "--overwrite", "--namespace", namespace)
    wait(kube, namespace, "the pod is taken out", lambda: endpoints(kube, namespace, "echo") == both - {chosen})
    assert names(settled(kube, namespace, "echo", 2)) == both
    kube.run("label", "pod", chosen, "blueprint/serving=true", "--overwrite", "--namespace", namespace)
    wait(kube, namespace, "the pod is back", lambda: endpoints(kube, namespace, "echo") == both)
