"""What the stack exports, and that no secret is among it for everybody to read."""

import json

import pytest

from infra.data.data import DATABASES
from infra.data.nats_users import PUBLISH
from infra.edge.routes import API, INGRESS, SHOP
from infra.foundation.namespaces import NAMESPACES
from infra.security.issuer import CLIENTS
from tests.program.recording import KUBECONFIG, Recorded, drawn_keys, is_secret, password, public, revealed
from toolchain.lifecycle import IMAGES

CONTRACT = {"kubeconfig", "gateway_url", "urls", "namespaces", "capabilities", "lanes", "authority", "oidc_clients"}
DRAWN = [
    *(f"postgres-{user}" for user in ("postgres", *DATABASES)),
    *(f"nats-{user}" for user in PUBLISH),
    *("valkey-catalog", "postgres-exporter", "valkey-exporter", "victoria-metrics-key"),
    "lab-token",
    *(f"issuer-{client.name}" for client in CLIENTS),
]
KEYS = "issuer-keys"
"""Drawn like a password, and more than one line of text."""
CERTIFIED = {"domains", "hosts"}
"""Inputs of an authority, and of a certificate that it signs."""
PASSWORDS = [*(password(name) for name in DRAWN), drawn_keys(KEYS)]
TOKENS = ["the-administrators-token", "the-token-of-one"]


def test_the_outputs_have_the_contract_s_names(stack: Recorded) -> None:
    assert stack.outputs.keys() == CONTRACT | {"images"}


def test_namespaces_are_exported_by_their_names(stack: Recorded) -> None:
    assert stack.outputs["namespaces"] == {name: name for name in NAMESPACES}


def test_a_kind_cluster_s_ways_in_are_exported(kind_stack: Recorded) -> None:
    assert kind_stack.outputs["gateway_url"] == "http://127.0.0.1:9080"
    assert kind_stack.outputs["urls"] == {
        "gateway": "http://127.0.0.1:9080",
        "gateway (load balancer)": "http://172.18.255.200",
        **{host: "https://172.18.255.201" for host in (SHOP, API, INGRESS)},
    }


def test_what_only_an_existing_cluster_knows_is_left_out(existing_stack: Recorded) -> None:
    assert (existing_stack.outputs["gateway_url"], existing_stack.outputs["urls"]) == ("", {})


def test_capabilities_say_what_each_cluster_can_do(kind_stack: Recorded, existing_stack: Recorded) -> None:
    assert kind_stack.outputs["capabilities"] == {
        "own_network": True,
        "load_balancer": True,
        "node_port_on_host": True,
        "own_nodes": True,
        "l7_policy": False,
        "grafana": False,
    }
    assert existing_stack.outputs["capabilities"] == {
        "own_network": False,
        "load_balancer": True,
        "node_port_on_host": False,
        "own_nodes": False,
        "l7_policy": False,
        "grafana": False,
    }


def test_every_image_s_lane_and_reference_are_exported(stack: Recorded) -> None:
    made = {one.name for one in stack.resources if "input_hash" in one.inputs}
    assert stack.outputs["lanes"] == dict.fromkeys(made, "source")
    assert stack.outputs["images"].keys() == made


def test_every_image_is_made_before_pulumi_starts(kind_stack: Recorded) -> None:
    """Then `make up` makes several at a time, says which lane each took, and a failure stops it early."""
    made = {one.name for one in kind_stack.resources if "input_hash" in one.inputs}
    assert made | {"node", "registry"} == set(IMAGES)


def test_the_kubeconfig_is_exported_as_a_secret(kind_stack: Recorded, existing_stack: Recorded) -> None:
    assert is_secret(kind_stack.outputs["kubeconfig"])
    assert revealed(kind_stack.outputs["kubeconfig"]) == KUBECONFIG
    assert is_secret(existing_stack.outputs["kubeconfig"])


@pytest.mark.parametrize("secret", [*PASSWORDS, *TOKENS])
def test_no_secret_is_a_plain_output_or_a_plain_input(stack: Recorded, secret: str) -> None:
    """What everybody may read, of the outputs and of every resource, holds neither a password nor a key."""
    assert secret not in json.dumps(public(stack.outputs))
    for one in stack.resources:
        assert secret not in json.dumps(public(one.wire)), one.urn


def test_the_secrets_are_there_for_those_who_need_them(stack: Recorded) -> None:
    """Else the test above would find nothing to hide."""
    everything = json.dumps([revealed(stack.outputs), *(revealed(one.wire) for one in stack.resources)])
    assert all(secret in everything for secret in PASSWORDS)
    assert any(token in everything for token in TOKENS)


def test_passwords_are_kept_as_secrets_from_the_first(stack: Recorded) -> None:
    made = stack.of_type("pulumi-python:dynamic:Resource")
    drawn = [one for one in made if not {"input_hash", "node_image", *CERTIFIED} & one.inputs.keys()]
    assert {one.name for one in drawn} == {*DRAWN, KEYS}, "each is looked for above"
    for one in drawn:
        assert one.secret_outputs == {"keys" if one.name == KEYS else "value"}, one.name


def test_the_keys_of_certificates_are_kept_as_secrets_from_the_first(stack: Recorded) -> None:
    """The authority's own key goes to what it signs, and is a secret there too."""
    made = [one for one in stack.of_type("pulumi-python:dynamic:Resource") if CERTIFIED & one.inputs.keys()]
    for certified in made:
        assert "key" in certified.secret_outputs
        for one in stack.resources:
            assert password(certified.name) not in json.dumps(public(one.wire)), one.urn
