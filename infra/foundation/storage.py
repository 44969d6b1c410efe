"""The default StorageClass: volumes are folders of a node, made on demand by Rancher's local-path-provisioner."""

import json

import pulumi
import yaml
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac
from pulumi_kubernetes.storage.v1 import StorageClass

from infra.foundation.namespaces import namespace_metadata
from infra.image import Images
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

NAME = "local-path-provisioner"
NAMESPACE = "local-path-storage"
HELPER = "local-path-helper"
PROVISIONER = "blueprint/local-path"
FOLDER = "/var/local-path-provisioner"
USER = 65532


class LocalPathStorage(pulumi.ComponentResource):
    """The provisioner and the StorageClass `standard`, which binds a claim when its first pod is placed."""

    def __init__(self, name: str, images: Images, opts: pulumi.ResourceOptions) -> None:
        super().__init__("blueprint:foundation:LocalPathStorage", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        space = v1.Namespace(
            NAMESPACE,
            metadata=namespace_metadata(NAMESPACE, "privileged", "helper pods make folders on the node (hostPath)"),
            opts=child,
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[space])
        access = provisioner_access(inside)
        config = v1.ConfigMap(
            NAME,
            metadata=ObjectMetaArgs(name=NAME, namespace=NAMESPACE, labels=labels(NAME, "storage")),
            data=images.reference("toolbox").apply(provisioner_config),
            opts=inside,
        )
        Deployment(
            NAME,
            metadata=ObjectMetaArgs(name=NAME, namespace=NAMESPACE, labels=labels(NAME, "storage")),
            spec=provisioner_deployment(images.reference(NAME), images.reference("toolbox")),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*access, config]),
        )
        StorageClass(
            "standard",
            metadata=ObjectMetaArgs(
                name="standard", annotations={"storageclass.kubernetes.io/is-default-class": "true"}
            ),
            provisioner=PROVISIONER,
            volume_binding_mode="WaitForFirstConsumer",
            reclaim_policy="Delete",
            opts=child,
        )
        self.register_outputs({})


def provisioner_access(opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Its service account, what it may do to volumes everywhere, and its helper pods in its own namespace."""
    account = v1.ServiceAccount(NAME, metadata=ObjectMetaArgs(name=NAME, namespace=NAMESPACE), opts=opts)
    subject = rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=NAMESPACE)
    everywhere = rbac.ClusterRole(NAME, metadata=ObjectMetaArgs(name=NAME), rules=cluster_rules(), opts=opts)
    everywhere_binding = rbac.ClusterRoleBinding(
        NAME,
        metadata=ObjectMetaArgs(name=NAME),
        role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=NAME),
        subjects=[subject],
        opts=opts,
    )
    own = rbac.Role(
        NAME,
        metadata=ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
        rules=[
            _rule("", ["pods"], ["get", "list", "watch", "create", "patch", "update", "delete"]),
            _rule("", ["pods/log"], ["get"]),
        ],
        opts=opts,
    )
    own_binding = rbac.RoleBinding(
        NAME,
        metadata=ObjectMetaArgs(name=NAME, namespace=NAMESPACE),
        role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=NAME),
        subjects=[subject],
        opts=opts,
    )
    return [account, everywhere, everywhere_binding, own, own_binding]


def cluster_rules() -> list[rbac.PolicyRuleArgs]:
    """What the provisioner does to volumes, claims and events."""
    return [
        _rule("", ["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"], ["get", "list", "watch"]),
        _rule("", ["persistentvolumes"], ["get", "list", "watch", "create", "patch", "update", "delete"]),
        _rule("", ["events"], ["create", "patch"]),
        _rule("storage.k8s.io", ["storageclasses"], ["get", "list", "watch"]),
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> rbac.PolicyRuleArgs:
    return rbac.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=verbs)


def provisioner_config(helper_image: str) -> dict[str, str]:
    """The provisioner's ConfigMap: where volumes lie, and the pod and scripts that make and remove them.

    Source: https://github.com/rancher/local-path-provisioner#configuration
    """
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod", "labels": labels(HELPER, "storage")},
        "spec": {
            "priorityClassName": "system-node-critical",
            "tolerations": [{"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"}],
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "helper-pod",
                    "image": helper_image,
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
                    "securityContext": {"runAsUser": 0, "readOnlyRootFilesystem": True},
                }
            ],
        },
    }
    places = {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [FOLDER]}]}
    return {
        "config.json": json.dumps(places, indent=2),
        "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
        "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
        "helperPod.yaml": yaml.safe_dump(helper),
    }


def provisioner_deployment(image: pulumi.Input[str], helper_image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """One provisioner. It speaks to the API server alone; the helper pods touch the nodes."""
    command = [
        *("/local-path-provisioner", "start", "--config", "/etc/config/config.json"),
        *("--provisioner-name", PROVISIONER, "--helper-image", helper_image),
        *("--configmap-name", NAME, "--service-account-name", NAME, "--namespace", NAMESPACE),
    ]
    container = v1.ContainerArgs(
        name=NAME,
        image=image,
        command=command,
        env=[
            v1.EnvVarArgs(
                name="POD_NAMESPACE",
                value_from=v1.EnvVarSourceArgs(field_ref=v1.ObjectFieldSelectorArgs(field_path="metadata.namespace")),
            )
        ],
        volume_mounts=[v1.VolumeMountArgs(name="config", mount_path="/etc/config")],
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "24Mi"}, limits={"memory": "128Mi"}),
        security_context=restricted_container(),
    )
    return DeploymentSpecArgs(
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "storage")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                priority_class_name="system-cluster-critical",
                security_context=restricted_pod(USER),
                containers=[container],
                volumes=[v1.VolumeArgs(name="config", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME))],
            ),
        ),
    )
