"""How the API server comes to read its files: kind's mount, kubeadm's flags and volumes, and the patch of its pod.
And how the control plane's metrics can be read from its node's address, which kubeadm keeps to the node's own loopback.

All of it counts when a cluster is made, and never again: `FINGERPRINT` tells one making from another.
"""

import hashlib
import json

import yaml

from toolchain.control_plane import audit, configuration, encryption

MOUNT = "/etc/kubernetes/blueprint"
"""Where the node, and the API server in it, sees the folder of the host."""
PATCHES = "patches"
ETCD_METRICS = "http://0.0.0.0:2381"
"""etcd's port for metrics and health alone. With TLS it would ask for a certificate that opens all its data as well."""
_PKI = "/etc/kubernetes/pki"


def kind_mount(folder: str) -> dict[str, object]:
    """The folder, for kind's list of a node's mounts. The node cannot write to it."""
    return {"hostPath": folder, "containerPath": MOUNT, "readOnly": True}


def patches() -> list[str]:
    """Patches for kind's list of kubeadm's configuration, shaped as v1beta3, which kind writes for 1.35."""
    return [yaml.safe_dump(patch, sort_keys=False) for patch in (_cluster(), _init())]


def file_patches() -> dict[str, str]:
    """Files of kubeadm's patches folder.

    The API server's pod knows the issuer by name: the cluster's DNS is not there when it starts, and its node does not
    ask it anyway. It is given 5 seconds to end: in its own 60 it waits for watchers, and answers nobody.

    The name servers must be on two nodes: kubeadm only prefers that, and with the first worker alone ready both of them
    are put there. Then nobody has names, alerts' mails included, when that one node is down.

    Source: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/control-plane-flags/#patches
    """
    alias = {"ip": configuration.ISSUER_ADDRESS, "hostnames": [configuration.ISSUER_HOST]}
    spec = {"hostAliases": [alias], "terminationGracePeriodSeconds": 5}
    return {
        "kube-apiserver0+strategic.yaml": yaml.safe_dump({"spec": spec}),
        "corednsdeployment0+strategic.yaml": yaml.safe_dump({"spec": {"template": {"spec": _spread("kube-dns")}}}),
    }


def _spread(app: str) -> dict[str, object]:
    each_node = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"k8s-app": app}},
        "matchLabelKeys": ["pod-template-hash"],
    }
    return {"topologySpreadConstraints": [each_node]}


def flags() -> dict[str, str]:
    """The API server's flags beyond kubeadm's own."""
    return {
        "authentication-config": f"{MOUNT}/{configuration.AUTHENTICATION}",
        "authorization-config": f"{MOUNT}/{configuration.AUTHORIZATION}",
        "authorization-policy-file": f"{MOUNT}/{configuration.ABAC}",
        "encryption-provider-config": f"{MOUNT}/{encryption.FILE}",
        "encryption-provider-config-automatic-reload": "true",
        "audit-policy-file": f"{MOUNT}/{configuration.AUDIT}",
        "audit-log-path": audit.LOG,
        "audit-log-maxage": str(audit.DAYS),
        "audit-log-maxbackup": str(audit.FILES),
        "audit-log-maxsize": str(audit.MEGABYTES),
    }


def _cluster() -> dict[str, object]:
    files = {"name": "blueprint", "hostPath": MOUNT, "mountPath": MOUNT, "readOnly": True, "pathType": "Directory"}
    log = {
        "name": "audit",
        "hostPath": audit.DIRECTORY,
        "mountPath": audit.DIRECTORY,
        "readOnly": False,
        "pathType": "DirectoryOrCreate",
    }
    return {
        "kind": "ClusterConfiguration",
        "apiServer": {"extraArgs": flags(), "extraVolumes": [files, log]},
        "controllerManager": {"extraArgs": measured()},
        "scheduler": {"extraArgs": measured(), "extraVolumes": [_certificate(end) for end in ("crt", "key")]},
        "etcd": {"local": {"extraArgs": {"listen-metrics-urls": ETCD_METRICS}}},
    }


def measured() -> dict[str, str]:
    """Flags by which the scheduler and the controllers can be asked for metrics at every address of their node.

    They ask the API server who asks and whether it may (`/metrics` by RBAC; health is everybody's), as they always do.
    They show the API server's certificate of this node, so that a token is not given to who knows whom: by themselves
    they would sign one that nobody can check.
    """
    certificate = {"tls-cert-file": f"{_PKI}/apiserver.crt", "tls-private-key-file": f"{_PKI}/apiserver.key"}
    return {"bind-address": "0.0.0.0"} | certificate  # noqa: S104 - guarded by authentication and authorization


def _certificate(end: str) -> dict[str, object]:
    """One file for the scheduler's pod, which otherwise sees nothing of that folder; the controllers' sees it all."""
    path = f"{_PKI}/apiserver.{end}"
    return {"name": f"serving-{end}", "hostPath": path, "mountPath": path, "readOnly": True, "pathType": "File"}


def _init() -> dict[str, object]:
    return {"kind": "InitConfiguration", "patches": {"directory": f"{MOUNT}/{PATCHES}"}}


FINGERPRINT = hashlib.sha256(json.dumps([patches(), file_patches(), MOUNT]).encode()).hexdigest()[:16]
