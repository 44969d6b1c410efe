"""Who somebody is: users and service accounts, the issuer's tokens, and what is refused."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from policies.admission.exceptions import TOKENS
from policies.personas import AUDITOR, PERSONAS, PLATFORM_ADMIN, SHOP_DEVELOPER, Persona, Way
from policies.personas.subjects import ACCOUNTS, oidc_group
from tests.cluster.api import Api
from tests.cluster.callers import (
    account_token,
    asked_who,
    by_certificate,
    by_token,
    whoami,
)
from tests.cluster.issuing import Issuer, claims_of, issuer_of, payload, signed, signing_key
from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, inside, start, toolbox_pod
from toolchain.control_plane.configuration import AUDIENCE, ISSUER_URL

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
BY_OIDC = [persona for persona in PERSONAS if Way.OIDC in persona.ways]
CACHED_SECONDS = 30
"""The API server keeps what it found out about a token for ten seconds."""


@pytest.fixture(scope="module")
def issuer(kube: Kube, outputs: dict[str, Any]) -> Iterator[Issuer]:
    with issuer_of(kube, outputs) as issuer:
        yield issuer


@pytest.fixture
def api(kube: Kube) -> Api:
    return Api.of(kube.kubeconfig)


def status_of(api: Api, token: str) -> int:
    """How the API server answers to the bearer of a token."""
    with api.client(token) as http:
        return asked_who(http).status_code


@pytest.mark.concept("I1", "I2")
def test_users_and_service_accounts_both_authenticate(kube: Kube) -> None:
    """A person by a certificate and a program by a token are each known by their own names and groups."""
    person = by_certificate(kube, "alice", "blueprint:strangers")
    assert person.username == "alice"
    assert set(person.groups) == {"blueprint:strangers", "system:authenticated"}
    program = by_token(kube, account_token(kube, ACCOUNTS, AUDITOR.name))
    assert program.username == f"system:serviceaccount:{ACCOUNTS}:{AUDITOR.name}"
    assert f"system:serviceaccounts:{ACCOUNTS}" in program.groups


@pytest.mark.concept("I1")
def test_a_pod_s_token_is_bound_to_the_pod_and_expires(
    kube: Kube, namespace: str, outputs: dict[str, Any], api: Api
) -> None:
    """A pod's token names the pod, ends by itself, and is refused once the pod is deleted."""
    pod = toolbox_pod("bound", outputs["images"]["toolbox"], idle_command())
    pod["spec"]["automountServiceAccountToken"] = True
    start(kube, namespace, pod)
    token = inside(kube, namespace, "bound", "cat", TOKEN)
    claims = payload(token)
    assert claims["kubernetes.io"]["pod"]["name"] == "bound"
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "default"
    assert claims["exp"] - time.time() > 0
    with api.client(token) as http:
        user = whoami(http)
    assert user["username"] == f"system:serviceaccount:{namespace}:default"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["bound"]
    kube.run("delete", "pod", "bound", "--namespace", namespace, "--grace-period=0", "--force")
    eventually("the token is refused", lambda: status_of(api, token) == 401, seconds=CACHED_SECONDS)


@pytest.mark.concept("I1")
def test_a_token_is_for_its_audience_and_ends_with_what_it_is_bound_to(kube: Kube, namespace: str, api: Api) -> None:
    """A token for somebody else is refused, and one bound to a Secret ends with it; none is good without an end."""
    spaced = ("--namespace", namespace)
    kube.run("create", "serviceaccount", "program", *spaced)
    other = account_token(kube, namespace, "program", audiences=["somebody-else"])
    assert status_of(api, other) == 401
    kube.run("create", "secret", "generic", "anchor", *spaced)
    uid = kube.get("secret", "anchor", *spaced)["metadata"]["uid"]
    anchor = {"apiVersion": "v1", "kind": "Secret", "name": "anchor", "uid": uid}
    bound = account_token(kube, namespace, "program", boundObjectRef=anchor)
    claims = payload(bound)
    assert claims["exp"] - claims["iat"] == 600
    assert status_of(api, bound) == 201
    kube.run("delete", "secret", "anchor", *spaced)
    eventually("the bound token is refused", lambda: status_of(api, bound) == 401, seconds=CACHED_SECONDS)
    assert not kube.items("secrets", "--field-selector", "type=kubernetes.io/service-account-token", "--all-namespaces")


@pytest.mark.concept("I1")
def test_no_pod_mounts_a_token_that_it_does_not_need(kube: Kube) -> None:
    """In every namespace of ours only the pods with a written reason have a token of the API server."""
    spaces = kube.items("namespaces", "--selector", "app.kubernetes.io/part-of=blueprint")
    ours = {space["metadata"]["name"] for space in spaces}
    assert {"shop", "edge", "data", "lab", ACCOUNTS} <= ours
    found = {
        (pod["metadata"]["namespace"], pod["metadata"].get("labels", {}).get("app.kubernetes.io/name"))
        for pod in kube.items("pods", "--all-namespaces")
        if pod["metadata"]["namespace"] in ours and _has_token(pod)
    }
    assert found <= {(one.namespace, one.name) for one in TOKENS}
    assert ("edge", "web") in found


def _has_token(pod: dict[str, Any]) -> bool:
    volumes = pod["spec"].get("volumes", [])
    sources = [source for volume in volumes for source in volume.get("projected", {}).get("sources", [])]
    return any("serviceAccountToken" in source for source in sources)


@pytest.mark.concept("I2")
@pytest.mark.parametrize("persona", BY_OIDC, ids=lambda persona: persona.name)
def test_a_token_of_the_issuer_is_accepted(issuer: Issuer, api: Api, persona: Persona) -> None:
    """The API server takes a token of the stack's own issuer, with names and groups that cannot be Kubernetes' own."""
    with api.client(issuer.token(persona.name)) as http:
        user = whoami(http)
    assert user["username"] == f"oidc:{persona.name}"
    assert set(user["groups"]) == {oidc_group(persona.name), "system:authenticated"}


@pytest.mark.concept("I2")
def test_the_issuer_s_document_and_keys_are_what_tokens_say(issuer: Issuer) -> None:
    """Discovery leads to the key that signed, over a certificate of the stack's authority."""
    document = issuer.ask("GET", "/.well-known/openid-configuration").json()
    assert document["issuer"] == ISSUER_URL
    keys = issuer.ask("GET", "/jwks").json()["keys"]
    token = issuer.token(AUDITOR.name)
    head = token.split(".", maxsplit=1)[0]
    assert any(key["kid"] in base64.urlsafe_b64decode(head + "==").decode() for key in keys)
    assert not any("d" in key for key in keys)
    claims = payload(token)
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER_URL, AUDIENCE, AUDITOR.name)
    assert claims["exp"] - claims["iat"] <= 600


@pytest.mark.concept("I2")
def test_a_token_that_is_not_quite_right_is_refused(kube: Kube, issuer: Issuer, api: Api) -> None:
    """Another audience or issuer, an end that is past, a forged signature or none, nobody as subject: refused."""
    key, kid = signing_key(kube)
    stranger = ec.generate_private_key(ec.SECP256R1())
    now, name = int(time.time()), PLATFORM_ADMIN.name
    assert status_of(api, signed(key, kid, claims_of(name))) == 201, "signed by hand, and right"
    good = issuer.token(AUDITOR.name)
    head, _, signature = good.split(".")
    other = signed(key, kid, claims_of(name)).split(".")[1]
    wrong = {
        "another audience": signed(key, kid, claims_of(name, aud="somebody-else")),
        "another issuer": signed(key, kid, claims_of(name, iss="https://elsewhere.identity.svc")),
        "expired": signed(key, kid, claims_of(name, iat=now - 600, nbf=now - 600, exp=now - 60)),
        "not yet good": signed(key, kid, claims_of(name, nbf=now + 600, exp=now + 900)),
        "signed by another key": signed(stranger, kid, claims_of(name)),
        "signed by a key of another id": signed(stranger, "unknown", claims_of(name)),
        "no signature": signed(key, kid, claims_of(name), alg="none").rpartition(".")[0] + ".",
        "other claims under a good signature": f"{head}.{other}.{signature}",
        "a subject that is null": signed(key, kid, claims_of(name, sub=None)),
        "a subject without a letter": signed(key, kid, claims_of(name, sub="")),
        "no subject": signed(key, kid, {claim: value for claim, value in claims_of(name).items() if claim != "sub"}),
        "no token at all": "not-a-token",
    }
    accepted = {case: status for case, token in wrong.items() if (status := status_of(api, token)) != 401}
    assert not accepted


@pytest.mark.concept("I2")
def test_a_token_cannot_name_kubernetes_own_users_or_groups(kube: Kube, api: Api) -> None:
    """Even who holds the issuer's key becomes no administrator: every name that it says gets a prefix."""
    key, kid = signing_key(kube)
    claims = claims_of("system:admin", groups=["system:masters", "kubeadm:cluster-admins"])
    with api.client(signed(key, kid, claims)) as http:
        user = whoami(http)
        assert user["username"] == "oidc:system:admin"
        assert set(user["groups"]) == {"oidc:system:masters", "oidc:kubeadm:cluster-admins", "system:authenticated"}
        assert http.get("/api/v1/namespaces").status_code == 403


@pytest.mark.concept("I2")
def test_the_issuer_gives_a_token_for_the_right_secret_only(issuer: Issuer) -> None:
    """A wrong secret, another's secret or an unknown client gets RFC 6749's refusal, and no token."""
    for client, secret in (
        (AUDITOR.name, "wrong"),
        (AUDITOR.name, issuer.clients[SHOP_DEVELOPER.name]),
        ("release-bot", issuer.clients[AUDITOR.name]),
    ):
        answer = issuer.answer(client, secret)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert issuer.answer(AUDITOR.name).status_code == 200


@pytest.mark.concept("I2")
def test_basic_authentication_is_refused(api: Api) -> None:
    """Basic authentication, retired in Kubernetes 1.19, is refused, whatever the name and the password."""
    for pair in ("admin:admin", "kubernetes-admin:", f"{AUDITOR.name}:x"):
        headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        with api.client() as http:
            answer: httpx.Response = http.get("/api/v1/namespaces/shop/pods", headers=headers)
        assert answer.status_code == 401, answer.text
