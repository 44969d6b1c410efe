"""The API server, chapters 4 and 9: its stages, whom it believes, who decides, what it encrypts and writes down."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.cluster.api import Api
from tests.cluster.callers import by_certificate, default_account_token, whoami
from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, toolbox_pod
from toolchain.control_plane import audit, keys, server
from toolchain.control_plane.configuration import ABAC_NAMESPACE, ABAC_USER, JOIN_PATH
from toolchain.control_plane.encryption import PREFIX

IN_FORCE_SECONDS = 10
LOGGED_SECONDS = 10
Object = dict[str, Any]


@pytest.fixture(scope="module")
def api(kube: Kube) -> Api:
    return Api.of(kube.kubeconfig)


@pytest.fixture(scope="module")
def abac_reader(kube: Kube) -> Iterator[httpx.Client]:
    """The user that ABAC knows, and RBAC does not, by a client certificate."""
    with closing(by_certificate(kube, ABAC_USER).http) as http:
        yield http


def _pod(name: str, image: str, *, privileged: bool = False) -> Object:
    pod = toolbox_pod(name, image, idle_command())
    if privileged:
        pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    return pod


@pytest.mark.concept("D2")
def test_each_stage_of_the_api_server_refuses_what_is_its_to_refuse(
    kube: Kube, api: Api, namespace: str, outputs: Object
) -> None:
    """A request, mended step by step, is refused by authentication, authorization, validation, admission; then made."""
    pods, image = f"/api/v1/namespaces/{namespace}/pods", str(outputs["images"]["toolbox"])
    wrong, privileged = _pod("Not_A_Name", image, privileged=True), _pod("app", image, privileged=True)
    token = default_account_token(kube, namespace)
    with api.client(f"{token}x") as nobody:
        assert _refusal(nobody.post(pods, json=wrong)) == (401, "Unauthorized", "Unauthorized")
    with api.client(token) as somebody:
        code, reason, message = _refusal(somebody.post(pods, json=wrong))
        assert (code, reason) == (403, "Forbidden")
        assert f'User "system:serviceaccount:{namespace}:default" cannot create resource "pods"' in message
        _allow(kube, namespace, f"{namespace}:default", ["create"])
        eventually(
            "the Role is in force",
            lambda: _refusal(somebody.post(pods, json=wrong))[0] != 403,
            seconds=IN_FORCE_SECONDS,
        )
        code, reason, message = _refusal(somebody.post(pods, json=wrong))
        assert (code, reason) == (422, "Invalid")
        assert "lowercase RFC 1123 subdomain" in message
        code, reason, message = _refusal(somebody.post(pods, json=privileged))
        assert (code, reason) == (403, "Forbidden")
        assert 'violates PodSecurity "restricted:latest": privileged' in message
        assert somebody.post(pods, json=_pod("app", image)).status_code == 201


def _refusal(answer: httpx.Response) -> tuple[int, str, str]:
    status = answer.json()
    assert status["status"] == "Failure", answer.text
    return answer.status_code, str(status["reason"]), str(status["message"])


def _allow(kube: Kube, namespace: str, account: str, verbs: list[str]) -> None:
    """A Role for pods, for a service account."""
    kube.run("create", "role", "pods", f"--verb={','.join(verbs)}", "--resource=pods", "--namespace", namespace)
    kube.run("create", "rolebinding", "pods", "--role=pods", f"--serviceaccount={account}", "--namespace", namespace)


@pytest.mark.concept("I2")
def test_a_client_certificate_signed_through_the_csr_api_is_believed(abac_reader: httpx.Client) -> None:
    """The API server takes the caller for the certificate's common name."""
    assert whoami(abac_reader)["username"] == ABAC_USER


@pytest.mark.concept("I2")
def test_a_bearer_token_is_believed_and_a_changed_one_is_not(kube: Kube, api: Api, namespace: str) -> None:
    """A service account's token is accepted; the same with one letter changed is answered with 401."""
    token = default_account_token(kube, namespace)
    with api.client(token) as caller:
        assert whoami(caller)["username"] == f"system:serviceaccount:{namespace}:default"
    head, body, signature = token.split(".")
    forged = ".".join([head, body, signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]])
    with api.client(forged) as forger:
        assert forger.get("/api/v1/namespaces").status_code == 401


@pytest.mark.concept("I2")
def test_basic_authentication_is_refused(api: Api) -> None:
    """A name and a password are answered with 401: Kubernetes dropped the flag that made it believe them in 1.19."""
    with api.client() as caller:
        assert _refusal(caller.get("/api/v1/namespaces", auth=("admin", "admin"))) == (
            401,
            "Unauthorized",
            "Unauthorized",
        )


@pytest.mark.concept("I2")
def test_who_shows_nothing_is_told_of_health_alone(api: Api) -> None:
    """Without credentials the health paths and what a joining node asks for answer; all else is 401, not 403."""
    with api.client() as nobody:
        assert {path: nobody.get(path).text for path in ("/livez", "/readyz", "/healthz")} == {
            "/livez": "ok",
            "/readyz": "ok",
            "/healthz": "ok",
        }
        assert nobody.get(JOIN_PATH).json()["data"].keys() >= {"kubeconfig"}
        hidden = ("/api", "/version", "/metrics", "/livez/ping", "/api/v1/namespaces", "/openapi/v3")
        assert {path: nobody.get(path).status_code for path in hidden} == dict.fromkeys(hidden, 401)


@pytest.mark.concept("I3")
def test_abac_decides_what_rbac_does_not(kube: Kube, abac_reader: httpx.Client) -> None:
    """RBAC gives the user nothing; the ABAC file lets it read, in one namespace, and nothing more."""
    before = _decisions(kube, "abac")
    for resource in ("pods", "configmaps"):
        assert abac_reader.get(f"/api/v1/namespaces/{ABAC_NAMESPACE}/{resource}").status_code == 200
    assert _decisions(kube, "abac") >= before + 2
    refused = {
        "another verb": abac_reader.delete(f"/api/v1/namespaces/{ABAC_NAMESPACE}/configmaps/kube-root-ca.crt"),
        "another resource": abac_reader.get(f"/api/v1/namespaces/{ABAC_NAMESPACE}/secrets"),
        "another namespace": abac_reader.get("/api/v1/namespaces/kube-system/configmaps"),
        "every namespace": abac_reader.get("/api/v1/configmaps"),
    }
    assert {what: answer.status_code for what, answer in refused.items()} == dict.fromkeys(refused, 403)
    for bindings in (["rolebindings", "--namespace", ABAC_NAMESPACE], ["clusterrolebindings"]):
        assert ABAC_USER not in kube.run("get", *bindings, "--output", "json")


@pytest.mark.concept("I3")
def test_the_rbac_rule_that_replaces_it_decides_beside_it(
    kube: Kube, abac_reader: httpx.Client, namespace: str
) -> None:
    """A Role with the same rule gives the right elsewhere, at once, is named as the reason, and can be taken back."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    assert abac_reader.get(path).status_code == 403
    verbs, resources = "--verb=get,list,watch", "--resource=pods,configmaps"
    kube.run("create", "role", "reader", verbs, resources, "--namespace", namespace)
    binding = ["rolebinding", "reader", "--namespace", namespace]
    kube.run("create", *binding, "--role=reader", f"--user={ABAC_USER}")
    _becomes(lambda: abac_reader.get(path), 200)
    assert _reason(kube, namespace, "configmaps").startswith("RBAC: allowed by RoleBinding")
    assert _reason(kube, ABAC_NAMESPACE, "configmaps") == "", "ABAC says no reason"
    kube.run("delete", *binding)
    _becomes(lambda: abac_reader.get(path), 403)
    assert abac_reader.get(f"/api/v1/namespaces/{ABAC_NAMESPACE}/configmaps").status_code == 200


@pytest.mark.concept("I3")
def test_abac_knows_no_subresources_and_rbac_does(kube: Kube, namespace: str) -> None:
    """Why it was replaced: who may read pods by ABAC may read their logs too; by RBAC that is a rule of its own."""
    kube.run("create", "role", "reader", "--verb=get", "--resource=pods", "--namespace", namespace)
    kube.run("create", "rolebinding", "reader", "--role=reader", f"--user={ABAC_USER}", "--namespace", namespace)
    eventually("the Role is in force", lambda: _allowed(kube, namespace, "pods"), seconds=IN_FORCE_SECONDS)
    assert _allowed(kube, ABAC_NAMESPACE, "pods") and _allowed(kube, ABAC_NAMESPACE, "pods", "log")
    assert not _allowed(kube, namespace, "pods", "log")


def _becomes(ask: Callable[[], httpx.Response], code: int) -> None:
    eventually(f"the answer is {code}", lambda: ask().status_code == code, seconds=IN_FORCE_SECONDS)


def _review(kube: Kube, namespace: str, resource: str, subresource: str = "") -> Object:
    """What the authorizers say of the user reading that."""
    attributes = {"namespace": namespace, "verb": "get", "resource": resource, "subresource": subresource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ABAC_USER, "resourceAttributes": attributes},
    }
    answer = kube.run("create", "--filename", "-", "--output", "json", stdin=json.dumps(review))
    return dict(json.loads(answer)["status"])


def _allowed(kube: Kube, namespace: str, resource: str, subresource: str = "") -> bool:
    return bool(_review(kube, namespace, resource, subresource)["allowed"])


def _reason(kube: Kube, namespace: str, resource: str) -> str:
    return str(_review(kube, namespace, resource).get("reason", ""))


def _decisions(kube: Kube, authorizer: str) -> int:
    """How many requests the authorizer has allowed since the API server started."""
    metrics = kube.run("get", "--raw", "/metrics")
    name = f'apiserver_authorization_decisions_total{{decision="allowed",name="{authorizer}"'
    found = re.search(rf"^{re.escape(name)}.*}} (\S+)$", metrics, re.MULTILINE)
    return int(float(found[1])) if found else 0


@pytest.mark.concept("F10")
def test_a_secret_lies_in_etcd_as_ciphertext(kube: Kube, cluster: str, namespace: str) -> None:
    """Read past the API server, a Secret is a key's name and noise; a ConfigMap with the same text is in the clear."""
    marker = f"marker-{uuid.uuid4().hex}"
    for kind in (["secret", "generic"], ["configmap"]):
        kube.run("create", *kind, "hidden", f"--from-literal=text={marker}", "--namespace", namespace)
    (secret,) = keys.stored(cluster, f"{keys.SECRETS}{namespace}/hidden").values()
    (configmap,) = keys.stored(cluster, f"/registry/configmaps/{namespace}/hidden").values()
    assert marker.encode() in configmap
    assert marker.encode() not in secret and b"hidden" not in secret
    assert secret.startswith(f"{PREFIX}{next(iter(keys.show(cluster)))}:".encode())
    assert kube.get("secret", "hidden", "--namespace", namespace)["data"]["text"]


@pytest.mark.concept("F10")
def test_no_secret_lies_in_etcd_in_the_clear(cluster: str) -> None:
    """Every Secret of the cluster begins with the mark of a key."""
    values = keys.stored(cluster, keys.SECRETS).values()
    assert values and all(value.startswith(PREFIX.encode()) for value in values)


def test_a_denied_request_is_found_in_the_audit_log(kube: Kube, api: Api, cluster: str, namespace: str) -> None:
    """The log says who asked for what, from where, when, and that it was forbidden."""
    name = f"denied-{uuid.uuid4().hex[:8]}"
    with api.client(default_account_token(kube, namespace)) as caller:
        assert caller.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").status_code == 403
    (event,) = _logged(cluster, name)
    assert event["user"]["username"] == f"system:serviceaccount:{namespace}:default"
    assert (event["verb"], event["objectRef"]["resource"], event["objectRef"]["name"]) == ("get", "secrets", name)
    assert event["responseStatus"]["code"] == 403
    assert event["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert event["sourceIPs"] and event["requestReceivedTimestamp"]


def test_the_audit_log_holds_what_changed_the_rules_and_no_secret(kube: Kube, cluster: str, namespace: str) -> None:
    """Of a Role it has the body, of a Secret and a ConfigMap that they were made; root alone can read it."""
    marker, role = f"marker-{uuid.uuid4().hex}", f"role-{uuid.uuid4().hex[:8]}"
    for kind in (["secret", "generic"], ["configmap"]):
        kube.run("create", *kind, f"of-{role}", f"--from-literal=text={marker}", "--namespace", namespace)
    kube.run("create", "role", role, "--verb=get", "--resource=pods", "--namespace", namespace)
    logged = _logged(cluster, role, at_least=3)
    bodies: Object = {event["objectRef"]["resource"]: event.get("requestObject") for event in logged}
    assert (bodies["secrets"], bodies["configmaps"]) == (None, None)
    assert bodies["roles"]["rules"] == [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
    assert _lines(cluster, marker) == []
    assert server.execute(cluster, "stat", "--format=%a %U", audit.LOG).split() == ["600", "root"]


def _logged(cluster: str, text: str, at_least: int = 1) -> list[Object]:
    """The audit events that hold the text."""
    eventually(f"{text} is in the audit log", lambda: len(_lines(cluster, text)) >= at_least, seconds=LOGGED_SECONDS)
    return [json.loads(line) for line in _lines(cluster, text)]


def _lines(cluster: str, text: str) -> list[str]:
    return server.execute(cluster, "sh", "-c", f"grep --fixed-strings {text} {audit.LOG} || true").splitlines()
