"""What every pod stands on: namespaces and their Pod Security level, the network, storage, metrics."""

import json

import pulumi
import pytest
import yaml

from infra.foundation import metrics, network, storage
from infra.foundation.namespaces import NAMESPACES, NODE_AGENTS, namespace_metadata
from tests.program.recording import Recorded, Registered, digest, settled
from toolchain import kind

MODES = ("enforce", "warn", "audit")
NAMESPACE = "kubernetes:core/v1:Namespace"
RELEASE = "kubernetes:helm.sh/v3:Release"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
PRIVILEGED = {
    storage.NAMESPACE: "helper pods make folders on the node (hostPath)",
    NODE_AGENTS: "agents that read their node (hostPath)",
}
"""The namespaces that may not be restricted, each with its reason."""


def test_every_namespace_is_restricted_or_says_why_not(stack: Recorded) -> None:
    """The level is enforced, warned of and audited alike; an exception stands in the list above with its reason."""
    for space in stack.of_type(NAMESPACE):
        metadata = space.inputs["metadata"]
        levels = {metadata["labels"][f"pod-security.kubernetes.io/{mode}"] for mode in MODES}
        if metadata["name"] in PRIVILEGED:
            assert metadata["annotations"]["blueprint/purpose"] == PRIVILEGED[metadata["name"]]
        else:
            assert levels == {"restricted"}, metadata["name"]


def test_the_namespaces_of_the_contract_are_there(stack: Recorded) -> None:
    made = {space.inputs["metadata"]["name"] for space in stack.of_type(NAMESPACE)}
    assert {"edge", "shop", "data", "lab"} <= set(NAMESPACES) <= made
    assert made - set(NAMESPACES) <= set(PRIVILEGED)


def test_nothing_lies_in_a_namespace_that_is_neither_made_nor_the_system_s(stack: Recorded) -> None:
    made = {space.inputs["metadata"]["name"] for space in stack.of_type(NAMESPACE)}
    used = {found.inputs.get("metadata", {}).get("namespace") for found in stack.kubernetes()}
    released = {found.inputs["namespace"] for found in stack.of_type(RELEASE)}
    assert (used | released) - {None} <= made | {"kube-system"}


def test_everything_in_the_cluster_goes_through_the_one_provider(stack: Recorded) -> None:
    provider = stack.one("pulumi:providers:kubernetes")
    assert len(stack.kubernetes()) >= 10
    assert {found.provider for found in stack.kubernetes()} == {provider.urn}


def test_network_storage_and_metrics_come_only_where_the_cluster_has_none(
    kind_stack: Recorded, existing_stack: Recorded
) -> None:
    """An existing cluster keeps its own. What is put beside our namespaces there are rights, and the adapter's API."""
    assert kind_stack.one(RELEASE, "cilium").inputs["namespace"] == "kube-system"
    assert kind_stack.one("kubernetes:storage.k8s.io/v1:StorageClass")
    added = {found.name for found in kind_stack.kubernetes()} - {found.name for found in existing_stack.kubernetes()}
    assert added >= {"cilium", storage.NAME, metrics.NAME}
    ours = existing_stack.kubernetes()
    in_system = {found.name for found in ours if found.inputs.get("metadata", {}).get("namespace") == "kube-system"}
    assert in_system == {"metrics-adapter-authentication"}
    assert [found.name for found in ours if "APIService" in found.type] == ["custom-metrics-api"]
    assert not [found.type for found in ours if any(word in found.type for word in ("StorageClass", "Cilium"))]
    roles = {found.name for found in ours if "ClusterRole" in found.type and not _is_persona(found)}
    assert roles == {"prometheus", "kube-state-metrics", "metrics-adapter-delegator"}


def _is_persona(role: Registered) -> bool:
    return bool(role.inputs["metadata"]["labels"]["app.kubernetes.io/component"] == "persona")


def test_our_pods_come_after_the_network_and_the_storage(kind_stack: Recorded) -> None:
    """Before Cilium runs no pod gets an address; before the StorageClass is there no claim is bound."""
    needed = {
        kind_stack.one(RELEASE, "cilium").urn,
        kind_stack.one("kubernetes:storage.k8s.io/v1:StorageClass").urn,
        kind_stack.one(DEPLOYMENT, storage.NAME).urn,
    }
    ours = [found for found in kind_stack.of_type(RELEASE) if found.name != "cilium"]
    ours += [kind_stack.one("kubernetes:apps/v1:StatefulSet", store) for store in ("postgres", "valkey", "nats")]
    for found in ours:
        assert needed <= kind_stack.before(found), found.name


def test_cilium_s_own_kinds_come_after_its_release(kind_stack: Recorded) -> None:
    release = kind_stack.one(RELEASE, "cilium").urn
    pool = kind_stack.one("kubernetes:cilium.io/v2:CiliumLoadBalancerIPPool")
    policy = kind_stack.one("kubernetes:cilium.io/v2alpha1:CiliumL2AnnouncementPolicy")
    assert release in pool.depends_on & policy.depends_on
    assert pool.inputs["spec"] == {"blocks": [{"start": "172.18.255.200", "stop": "172.18.255.250"}]}


def test_cilium_s_images_are_the_stack_s_own(kind_stack: Recorded) -> None:
    values = kind_stack.one(RELEASE, "cilium").inputs["values"]
    registry = "shop-town-registry:5000"
    assert values["image"]["override"] == f"{registry}/cilium-agent@{digest('cilium-agent')}"
    assert values["operator"]["image"]["override"] == f"{registry}/cilium-operator@{digest('cilium-operator')}"
    assert values["k8sServiceHost"] == "shop-town-control-plane"


def test_cilium_replaces_what_kind_leaves_out() -> None:
    """kind starts neither kube-proxy nor a network, so Cilium must do both; Envoy is not there, so nothing needs it."""
    networking = kind.configuration(kind.Spec("shop", 2, 8080, 5001, "node", "registry"))["networking"]
    assert isinstance(networking, dict)
    assert (networking["kubeProxyMode"], networking["disableDefaultCNI"]) == ("none", True)
    values = network.cilium_values("shop-control-plane", "agent", "operator")
    assert values["kubeProxyReplacement"] is True
    assert (values["k8sServiceHost"], values["k8sServicePort"]) == ("shop-control-plane", 6443)
    assert (values["envoy"]["enabled"], values["l7Proxy"]) == (False, True)


def test_cilium_asks_for_no_capability_that_some_hosts_cannot_give() -> None:
    given = network.cilium_values("host", "agent", "operator")["securityContext"]["capabilities"]
    for part in ("ciliumAgent", "cleanCiliumState"):
        assert "SYS_ADMIN" in given[part]
        assert not {"SYS_RESOURCE", "BPF", "PERFMON", "SYS_BOOT"} & set(given[part])


def test_an_address_block_goes_from_the_first_to_the_last_address() -> None:
    ends = ["10.0.0.1", "10.0.0.9"]
    assert settled(lambda: network.address_block(pulumi.Output.from_input(ends))) == {
        "start": "10.0.0.1",
        "stop": "10.0.0.9",
    }


def test_the_provisioner_keeps_volumes_in_one_folder_and_makes_them_with_the_helper_image() -> None:
    config = storage.provisioner_config("registry:5000/toolbox@sha256:1")
    places = json.loads(config["config.json"])["nodePathMap"]
    assert places == [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [storage.FOLDER]}]
    helper = yaml.safe_load(config["helperPod.yaml"])
    assert helper["spec"]["containers"][0]["image"] == "registry:5000/toolbox@sha256:1"
    assert helper["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("script", "act"), [("setup", 'mkdir -m 0777 -p "$VOL_DIR"'), ("teardown", 'rm -rf "$VOL_DIR"')]
)
def test_the_provisioner_s_scripts_stop_at_an_error_and_at_an_unset_folder(script: str, act: str) -> None:
    """`set -u` is what keeps `rm -rf` from running without a folder."""
    lines = storage.provisioner_config("image")[script].splitlines()
    assert lines == ["#!/bin/sh", "set -eu", act]


def test_the_provisioner_is_told_the_names_that_its_objects_have(kind_stack: Recorded) -> None:
    """Its own defaults differ from ours, and a wrong one shows only when the first volume is made."""
    command = kind_stack.pod_specs()[storage.NAME]["containers"][0]["command"]
    given = dict(zip(command[2::2], command[3::2], strict=True))
    config = kind_stack.one("kubernetes:core/v1:ConfigMap", storage.NAME).inputs
    account = kind_stack.one("kubernetes:core/v1:ServiceAccount", storage.NAME).inputs
    standard = kind_stack.one("kubernetes:storage.k8s.io/v1:StorageClass").inputs
    assert given["--configmap-name"] == config["metadata"]["name"]
    assert given["--service-account-name"] == account["metadata"]["name"]
    assert given["--namespace"] == config["metadata"]["namespace"] == account["metadata"]["namespace"]
    assert given["--provisioner-name"] == standard["provisioner"]
    assert given["--helper-image"] == yaml.safe_load(config["data"]["helperPod.yaml"])["spec"]["containers"][0]["image"]


def test_the_default_storage_class_waits_for_the_pod(kind_stack: Recorded) -> None:
    """A volume is a folder of a node, so it is made where the pod is placed."""
    standard = kind_stack.one("kubernetes:storage.k8s.io/v1:StorageClass").inputs
    assert standard["volumeBindingMode"] == "WaitForFirstConsumer"
    assert standard["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}


def test_the_metrics_api_comes_after_its_server(kind_stack: Recorded) -> None:
    """An APIService without a server behind it makes every discovery of the API slow and wrong."""
    api = kind_stack.one("kubernetes:apiregistration.k8s.io/v1:APIService", "metrics-api")
    server = kind_stack.one(DEPLOYMENT, metrics.NAME)
    assert {server.urn, kind_stack.one("kubernetes:core/v1:Service", metrics.NAME).urn} <= api.depends_on
    assert api.inputs["spec"]["service"] == {"name": metrics.NAME, "namespace": metrics.NAMESPACE, "port": 443}


def test_a_namespace_carries_its_level_and_its_purpose() -> None:
    metadata = namespace_metadata("lab", "baseline", "experiments")
    labels = metadata.labels
    assert isinstance(labels, dict)
    assert [labels[f"pod-security.kubernetes.io/{mode}"] for mode in MODES] == ["baseline"] * 3
    assert metadata.annotations == {"blueprint/purpose": "experiments"}
