"""Identity in the program: who is bound to what, what the issuer is given, and which pods have a token."""

import base64
import hashlib
import json
from typing import Any

import pulumi
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from infra.cluster import create_cluster
from infra.foundation import Foundation, namespaces
from infra.image import Images
from infra.lib import signing_keys
from infra.lib.authority import Authority
from infra.security.identity import Identity
from infra.security.issuer import STOP_SECONDS, clients_file
from infra.settings import from_pulumi
from policies.admission.exceptions import TOKENS
from policies.personas import PERSONAS, Way
from policies.personas.subjects import ACCOUNTS
from tests.program import recording
from tests.program.conftest import KIND
from tests.program.recording import Object, Recorded, is_secret, password, public, record
from toolchain.control_plane.configuration import AUDIENCE, ISSUER_ADDRESS, ISSUER_HOST, ISSUER_URL

ROLE, CLUSTER_ROLE = (
    "kubernetes:rbac.authorization.k8s.io/v1:Role",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
)


def identity_alone() -> None:
    """A program with nothing on the cluster but its foundation and identity."""
    authority = Authority("authority")
    cluster = create_cluster(from_pulumi(pulumi.runtime.config.CONFIG.get(), "test"), authority)
    images = Images(cluster)
    identity = Identity(cluster, Foundation(cluster, images), authority, images)
    pulumi.export("oidc_clients", identity.clients)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(namespaces.NAMESPACES, ACCOUNTS, "who somebody is")
        patch.setattr(recording, "_program", identity_alone)
        return record(tmp_path_factory.mktemp("chart"), KIND)


def named(made: Recorded, token: str, name: str) -> list[Object]:
    """The objects of a type by their name in the cluster."""
    return [one.inputs for one in made.of_type(token) if one.inputs["metadata"]["name"] == name]


def rights(rules: list[Object]) -> set[tuple[str, str, str]]:
    """Every (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_a_persona_s_roles_hold_its_rules_and_no_more(made: Recorded, persona: Any) -> None:
    wanted = {(rule.group, one, verb) for rule in persona.rules for one in rule.resources for verb in rule.verbs}
    roles, whole = named(made, ROLE, persona.role), named(made, CLUSTER_ROLE, persona.role)
    assert {role["metadata"]["namespace"] for role in roles} == set(persona.namespaces)
    assert len(whole) == (not persona.namespaces)
    for role in roles or (whole if not persona.aggregated else []):
        assert rights(role["rules"]) == wanted
    if persona.aggregated:
        (selector,) = whole[0]["aggregationRule"]["clusterRoleSelectors"]
        assert "rules" not in whole[0], "a controller writes them"
        parts = [
            one.inputs
            for one in made.of_type(CLUSTER_ROLE)
            if selector["matchLabels"].items() <= one.inputs["metadata"].get("labels", {}).items()
        ]
        assert len(parts) == len(persona.parts)
        assert rights([rule for part in parts for rule in part["rules"]]) == wanted


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_a_persona_s_bindings_name_it_and_nobody_else(made: Recorded, persona: Any) -> None:
    kind = "RoleBinding" if persona.namespaces else "ClusterRoleBinding"
    bindings = named(made, f"kubernetes:rbac.authorization.k8s.io/v1:{kind}", persona.role)
    assert len(bindings) == max(len(persona.namespaces), 1)
    for binding in bindings:
        assert binding["roleRef"]["kind"] == kind.removesuffix("Binding")
        assert binding["roleRef"]["name"] == persona.role
        assert len(binding["subjects"]) == len(persona.ways)
        for subject in binding["subjects"]:
            assert subject["name"] in {persona.name, persona.role, f"oidc:{persona.role}"}
            assert subject.get("namespace") == (ACCOUNTS if subject["kind"] == "ServiceAccount" else None)


def test_no_role_of_the_whole_program_has_a_wildcard_and_nobody_is_cluster_admin(stack: Recorded) -> None:
    """The storage's and the metrics' own among them, whoever wrote them."""
    roles = [*stack.of_type(ROLE), *stack.of_type(CLUSTER_ROLE)]
    assert roles
    for one in roles:
        for rule in one.inputs.get("rules", []):
            assert "*" not in {*rule["verbs"], *rule.get("resources", []), *rule.get("apiGroups", [])}, one.name
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"]), one.name
    bound = [one.inputs["roleRef"]["name"] for one in stack.kubernetes() if "roleRef" in one.inputs]
    assert not {"cluster-admin", "admin", "edit"} & set(bound)


def token_pods(recorded: Recorded) -> set[tuple[str, str]]:
    """The pods, by namespace and name, whose token the program does not withhold."""
    accounts = {
        (one.inputs["metadata"].get("namespace", "default"), one.inputs["metadata"]["name"]): one.inputs
        for one in recorded.of_type("kubernetes:core/v1:ServiceAccount")
    }
    found = set()
    for one in recorded.kubernetes():
        template = one.inputs.get("spec", {}).get("template", {})
        if "spec" in template:
            space = one.inputs["metadata"].get("namespace", "default")
            account = accounts.get((space, template["spec"].get("serviceAccountName", "default")), {})
            default = account.get("automountServiceAccountToken", True)
            if template["spec"].get("automountServiceAccountToken", default):
                found.add((space, template["metadata"]["labels"]["app.kubernetes.io/name"]))
        if one.inputs.get("values", {}).get("serviceAccount", {}).get("token"):  # a release of our own chart
            found.add((one.inputs["namespace"], one.name))
    return found


def test_a_pod_has_a_token_only_where_a_reason_is_written_down(stack: Recorded, made: Recorded) -> None:
    ours = {(one.namespace, one.name) for one in TOKENS}
    of_the_cluster = {("kube-system", "metrics-server")}  # it asks the API server who asks
    found = token_pods(stack) | token_pods(made)
    assert found <= ours | of_the_cluster
    assert ("edge", "web") in found


def test_accounts_of_personas_give_no_pod_a_token(made: Recorded) -> None:
    accounts = {one.name: one.inputs for one in made.of_type("kubernetes:core/v1:ServiceAccount")}
    for persona in PERSONAS:
        assert (persona.name in accounts) == (Way.ACCOUNT in persona.ways)
        assert accounts[persona.name]["automountServiceAccountToken"] is False
        assert accounts[persona.name]["metadata"]["namespace"] == ACCOUNTS


def test_the_issuer_is_where_the_api_server_looks_for_it(made: Recorded) -> None:
    spec = made.one("kubernetes:core/v1:Service", "issuer").inputs["spec"]
    assert spec["clusterIP"] == ISSUER_ADDRESS
    assert {port["name"]: port["port"] for port in spec["ports"]} == {"https": 443, "metrics": 9100}
    (container,) = made.pod_specs()["issuer"]["containers"]
    settings = {variable["name"]: variable["value"] for variable in container["env"]}
    assert (settings["ISSUER_URL"], settings["ISSUER_AUDIENCE"]) == (ISSUER_URL, AUDIENCE)
    assert settings["HTTP_PORT"] == "8443"
    leaf = next(one for one in made.resources if "hosts" in one.inputs and one.name == "issuer-certificate")
    assert leaf.inputs["hosts"][0] == ISSUER_HOST
    probes = [container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert set(probes) == {"HTTPS"}
    assert made.pod_specs()["issuer"]["terminationGracePeriodSeconds"] == STOP_SECONDS > 3 + 15


def test_the_cluster_never_has_a_client_s_secret(made: Recorded) -> None:
    """Only its hash; who is a client reads it from the stack's outputs, where it is a secret."""
    clear = [password(f"issuer-{persona.name}") for persona in PERSONAS]
    assert not any(secret in json.dumps(one.inputs) for secret in clear for one in made.kubernetes())
    outputs = made.outputs["oidc_clients"]
    assert is_secret(outputs)
    assert set(outputs["value"]) == {persona.name for persona in PERSONAS if Way.OIDC in persona.ways}
    for secret in ("issuer", "issuer-tls"):
        wire = made.one("kubernetes:core/v1:Secret", secret).wire
        assert "the-" not in str(public(wire)), "keys and hashes are secrets in the state"


def test_the_issuer_knows_hashes_and_groups() -> None:
    known = json.loads(clients_file({"auditor": "s"}))
    assert known == {"auditor": {"secret_sha256": hashlib.sha256(b"s").hexdigest(), "groups": ["blueprint:auditor"]}}


def kids(keys: str) -> list[str]:
    return [key["kid"] for key in json.loads(keys)["keys"]]


def test_another_generation_puts_a_new_key_before_the_one_that_stays() -> None:
    first = signing_keys.create({"generation": 1, "keys": None}).outs
    assert first is not None
    assert not signing_keys.diff("id", first, {"generation": 1, "keys": None}).changes
    assert signing_keys.diff("id", first, {"generation": 2, "keys": None}).changes
    second = signing_keys.update("id", first, {"generation": 2, "keys": None}).outs
    assert second is not None
    third = signing_keys.update("id", second, {"generation": 3, "keys": None}).outs
    assert third is not None
    (one,), (two, kept), (three, before) = kids(first["keys"]), kids(second["keys"]), kids(third["keys"])
    assert (kept, before) == (one, two)
    assert len({one, two, three}) == 3


def test_a_key_is_one_that_the_curve_has() -> None:
    key = signing_keys.new_key()
    numbers = {part: int.from_bytes(base64.urlsafe_b64decode(key[part] + "="), "big") for part in ("x", "y", "d")}
    point = ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], ec.SECP256R1())
    assert ec.EllipticCurvePrivateNumbers(numbers["d"], point).private_key()
    assert len(key["x"]) == len(key["y"]) == len(key["d"]) == 43


def test_a_thumbprint_is_that_of_the_standard() -> None:
    """RFC 7638, section 3.1, has one for RSA: only the members that are given count."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    assert signing_keys.thumbprint({"e": "AQAB", "kty": "RSA", "n": n}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
