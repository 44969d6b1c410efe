"""RBAC: what each persona can and cannot, cell by cell, in every way that it may prove who it is."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from policies.personas import AUDITOR, PERSONAS, RELEASE_BOT, Persona, Way
from policies.personas.table import cells
from tests.cluster.api import client_of
from tests.cluster.callers import Caller, by_certificate, persona_by
from tests.cluster.issuing import Issuer, issuer_of
from tests.cluster.kube import Kube, eventually
from tests.cluster.rights import allowed, rights_in, wrong_cells

WAYS = [(persona, way) for persona in PERSONAS for way in Way if way in persona.ways]
NAMED = [f"{persona.name} by {way.value}" for persona, way in WAYS]
SPACES = ("shop", "edge", "data", "lab", "identity", "kube-system", "default")
PROPAGATION_SECONDS = 15
EACH = pytest.mark.parametrize(
    ("caller", "persona"), [((persona, way), persona) for persona, way in WAYS], indirect=["caller"], ids=NAMED
)
GROUP = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def issuer(kube: Kube, outputs: dict[str, Any]) -> Iterator[Issuer]:
    with issuer_of(kube, outputs) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def admin(kube: Kube) -> Iterator[httpx.Client]:
    """The administrator, for reviews."""
    with client_of(kube.kubeconfig) as http:
        yield http


@pytest.fixture(scope="module")
def nobody(kube: Kube) -> Iterator[Caller]:
    """Somebody whom the API server knows and who is no persona."""
    caller = by_certificate(kube, "somebody", "blueprint:strangers")
    yield caller
    caller.http.close()


@pytest.fixture
def caller(request: pytest.FixtureRequest, kube: Kube) -> Iterator[Caller]:
    """A persona by a way."""
    persona, way = request.param
    token = request.getfixturevalue("issuer").token(persona.name) if way is Way.OIDC else ""
    caller = persona_by(kube, persona, way, token)
    yield caller
    caller.http.close()


@pytest.mark.concept("I4")
@EACH
def test_every_cell_of_the_table_holds_both_ways(admin: httpx.Client, caller: Caller, persona: Persona) -> None:
    """Every cell of persona by verb, resource and namespace holds, by an access review and by the request itself."""
    wrong = wrong_cells(admin, caller, (cell for cell in cells() if cell.persona is persona))
    assert not wrong, "\n".join(wrong)


@pytest.mark.concept("I4")
@EACH
def test_nobody_has_a_right_that_is_not_declared(caller: Caller, persona: Persona, nobody: Caller) -> None:
    """All that the API server lists of a persona's rights is what the data declares, and what everybody has."""
    declared = {
        (verb, resource, rule.group, "") for rule in persona.rules for verb in rule.verbs for resource in rule.resources
    }
    for space in SPACES:
        here = declared if space in (persona.namespaces or SPACES) else set()
        assert rights_in(caller, space) - rights_in(nobody, space) == here - rights_in(nobody, space), space


@pytest.mark.concept("I4")
def test_who_is_no_persona_can_do_nothing(nobody: Caller, kube: Kube) -> None:
    """A valid certificate without a persona's group, or with that of one who may not come so, opens nothing."""
    bot = by_certificate(kube, "release-bot-tester", RELEASE_BOT.role)
    for caller in (nobody, bot):
        for space in SPACES:
            assert not allowed(caller, "get", "pods", space)
        assert caller.http.get("/api/v1/namespaces/shop/pods").status_code == 403
    assert rights_in(bot, "shop") == rights_in(nobody, "shop")


@pytest.mark.concept("I4")
def test_a_labelled_role_is_aggregated_and_taken_out_again(kube: Kube) -> None:
    """What carries the label is in the auditor's ClusterRole, and no longer when the label is gone."""
    auditor = persona_by(kube, AUDITOR, Way.ACCOUNT)
    name = f"test-{uuid.uuid4().hex[:8]}"
    resource, group = "exhibits", f"{name}.blueprint.test"
    label = f"blueprint/aggregate-to-{AUDITOR.name}"
    rules = [{"apiGroups": [group], "resources": [resource], "verbs": ["get"]}]
    role = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}

    def may() -> bool:
        return allowed(auditor, "get", resource, "shop", group)

    assert not may()
    try:
        kube.apply({**role, "metadata": {"name": name, "labels": {label: "true"}}})
        eventually("the auditor has the role's right", may, seconds=PROPAGATION_SECONDS)
        kube.run("label", "clusterrole", name, f"{label}-")
        eventually("the auditor has lost it", lambda: not may(), seconds=PROPAGATION_SECONDS)
    finally:
        kube.run("delete", "clusterrole", name)


@pytest.mark.concept("I4")
def test_a_right_begins_with_its_binding_and_ends_with_it(kube: Kube, namespace: str, nobody: Caller) -> None:
    """A Role alone gives nothing; bound it does, in its namespace only; unbound it gives nothing again."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    metadata = {"name": "reader", "namespace": namespace}
    subject = {"kind": "User", "name": nobody.username, "apiGroup": GROUP}
    reference = {"kind": "Role", "name": "reader", "apiGroup": GROUP}
    binding = {"apiVersion": f"{GROUP}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": reference}

    def may(space: str = namespace) -> bool:
        path = f"/api/v1/namespaces/{space}/configmaps"
        answer = nobody.http.get(path).status_code
        assert answer in (200, 403)
        return answer == 200

    kube.apply({"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    time.sleep(1)
    assert not may()
    kube.apply({**binding, "subjects": [subject]})
    eventually("the bound may", may, seconds=PROPAGATION_SECONDS)
    assert not may("shop")
    kube.run("delete", "rolebinding", "reader", "--namespace", namespace)
    eventually("the unbound may not", lambda: not may(), seconds=PROPAGATION_SECONDS)
