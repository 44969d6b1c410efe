"""What each persona can and cannot do, written by hand and apart from the rules, so that each checks the other.

A row says who can; everybody else cannot. Every cell is asserted against the live cluster, both ways.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from policies.personas.model import Persona
from policies.personas.personas import (
    ADMISSION,
    APPS,
    AUDITOR,
    AUTOSCALING,
    BATCH,
    CERTIFICATES,
    CILIUM,
    COORDINATION,
    DISCOVERY,
    EXTENSIONS,
    GATEWAY,
    METRICS,
    NETWORKING,
    PERSONAS,
    PLATFORM_ADMIN,
    POLICY,
    RBAC,
    REGISTRATION,
    RELEASE_BOT,
    SCHEDULING,
    SHOP_DEVELOPER,
    STORAGE,
)

INITIALS = {"P": PLATFORM_ADMIN, "D": SHOP_DEVELOPER, "A": AUDITOR, "R": RELEASE_BOT}
OWN = "shop edge"
OTHER = "data lab identity kube-system"
CLUSTER = ""
READ, CHANGE = "get list watch", "create update patch delete"
ANY = f"{READ} {CHANGE} deletecollection"


@dataclass(frozen=True)
class Row:
    """Verbs on a resource in each of some namespaces (none: the cluster's own), and who can, by initials."""

    verbs: str
    resource: str
    namespaces: str
    can: str
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """One persona, one action, one verdict."""

    persona: Persona
    verb: str
    resource: str
    group: str
    namespace: str
    can: bool

    def __str__(self) -> str:
        """As it is said in a failure."""
        where = f" in {self.namespace}" if self.namespace else ""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.persona.name} {'can' if self.can else 'cannot'} {self.verb} {what}{where}"


PODS = (
    Row(READ, "pods", OWN, "PDAR"),
    Row(READ, "pods", OTHER, "PA"),
    Row("create update patch deletecollection", "pods", f"{OWN} {OTHER}", ""),
    Row("delete", "pods", f"{OWN} {OTHER}", "P"),
    Row("create", "pods/eviction", f"{OWN} data", "P"),
    Row("get", "pods/log", OWN, "PDAR"),
    Row("get", "pods/log", OTHER, "PA"),
    Row("get create", "pods/exec", f"{OWN} {OTHER}", ""),
    Row("create", "pods/attach", OWN, ""),
    Row("create", "pods/portforward", f"{OWN} data", ""),
    Row("patch", "pods/ephemeralcontainers", f"{OWN} data", ""),
    Row("get list", "pods", OWN, "PDA", METRICS),
    Row(READ, "events", OWN, "PDAR"),
    Row(READ, "events", OTHER, "PA"),
)
CONFIGURATION = (
    Row("get list", "secrets", OWN, "R"),
    Row("watch patch deletecollection", "secrets", OWN, ""),
    Row("create update delete", "secrets", OWN, "R"),
    Row(ANY, "secrets", OTHER, ""),
    Row(READ, "configmaps", OWN, "PDAR"),
    Row(READ, "configmaps", OTHER, "PA"),
    Row(CHANGE, "configmaps", OWN, "R"),
    Row(CHANGE, "configmaps", OTHER, ""),
    Row(READ, "serviceaccounts", OWN, "PAR"),
    Row(CHANGE, "serviceaccounts", OWN, "R"),
    Row(CHANGE, "serviceaccounts", OTHER, ""),
    Row("create", "serviceaccounts/token", f"{OWN} {OTHER}", ""),
    Row(READ, "persistentvolumeclaims", OWN, "PDAR"),
    Row(CHANGE, "persistentvolumeclaims", OWN, "R"),
    Row("delete", "persistentvolumeclaims", "data", ""),
    Row(READ, "resourcequotas", OWN, "PA"),
    Row(CHANGE, "resourcequotas", f"{OWN} lab", "P"),
    Row(READ, "limitranges", OWN, "PA"),
    Row(CHANGE, "limitranges", f"{OWN} lab", "P"),
)
WORKLOADS = (
    Row(READ, "deployments", OWN, "PDAR", APPS),
    Row(READ, "deployments", OTHER, "PA", APPS),
    Row("patch", "deployments", OWN, "DR", APPS),
    Row("create update delete", "deployments", OWN, "R", APPS),
    Row(CHANGE, "deployments", OTHER, "", APPS),
    Row("get update patch", "deployments/scale", OWN, "D", APPS),
    Row("get update patch", "deployments/scale", OTHER, "", APPS),
    Row(READ, "replicasets", OWN, "PDAR", APPS),
    Row(CHANGE, "replicasets", OWN, "", APPS),
    Row(READ, "statefulsets", OWN, "PDA", APPS),
    Row(READ, "statefulsets", "data", "PA", APPS),
    Row(CHANGE, "statefulsets", f"{OWN} data", "", APPS),
    Row(READ, "daemonsets", "kube-system", "PA", APPS),
    Row(CHANGE, "daemonsets", f"{OWN} kube-system", "", APPS),
    Row(READ, "jobs", OWN, "PDAR", BATCH),
    Row(CHANGE, "jobs", OWN, "R", BATCH),
    Row(CHANGE, "jobs", "data", "", BATCH),
    Row(READ, "cronjobs", OWN, "PDAR", BATCH),
    Row(CHANGE, "cronjobs", OWN, "R", BATCH),
    Row(READ, "horizontalpodautoscalers", OWN, "PDAR", AUTOSCALING),
    Row(CHANGE, "horizontalpodautoscalers", OWN, "R", AUTOSCALING),
    Row(READ, "poddisruptionbudgets", OWN, "PDAR", POLICY),
    Row(CHANGE, "poddisruptionbudgets", OWN, "R", POLICY),
)
NETWORK = (
    Row(READ, "services", OWN, "PDAR"),
    Row(READ, "services", OTHER, "PA"),
    Row(CHANGE, "services", OWN, "R"),
    Row(CHANGE, "services", OTHER, ""),
    Row("get", "services/proxy", f"{OWN} data", ""),
    Row(READ, "endpointslices", OWN, "PDA", DISCOVERY),
    Row(READ, "ingresses", OWN, "PDA", NETWORKING),
    Row(CHANGE, "ingresses", OWN, "", NETWORKING),
    Row(READ, "networkpolicies", OWN, "PDA", NETWORKING),
    Row(CHANGE, "networkpolicies", f"{OWN} {OTHER}", "", NETWORKING),
    Row(READ, "httproutes", OWN, "PDA", GATEWAY),
    Row(CHANGE, "httproutes", OWN, "", GATEWAY),
    Row(READ, "gateways", "edge", "PA", GATEWAY),
    Row(READ, "gatewayclasses", CLUSTER, "PA", GATEWAY),
    Row(READ, "ciliumnetworkpolicies", OWN, "PDA", CILIUM),
    Row(CHANGE, "ciliumnetworkpolicies", f"{OWN} {OTHER}", "", CILIUM),
    Row(READ, "ciliumclusterwidenetworkpolicies", CLUSTER, "PA", CILIUM),
    Row(CHANGE, "ciliumclusterwidenetworkpolicies", CLUSTER, "", CILIUM),
    Row(READ, "ciliumendpoints", "shop", "PA", CILIUM),
    Row(READ, "ciliumnodes", CLUSTER, "PA", CILIUM),
)
ACCESS = (
    Row(READ, "roles", f"{OWN} kube-system", "PA", RBAC),
    Row(f"{CHANGE} escalate bind", "roles", f"{OWN} kube-system", "", RBAC),
    Row(READ, "rolebindings", f"{OWN} kube-system", "PA", RBAC),
    Row(CHANGE, "rolebindings", f"{OWN} kube-system", "", RBAC),
    Row(READ, "clusterroles", CLUSTER, "PA", RBAC),
    Row(f"{CHANGE} escalate bind", "clusterroles", CLUSTER, "", RBAC),
    Row(READ, "clusterrolebindings", CLUSTER, "PA", RBAC),
    Row(CHANGE, "clusterrolebindings", CLUSTER, "", RBAC),
    Row("impersonate", "users", CLUSTER, ""),
    Row("impersonate", "groups", CLUSTER, ""),
    Row("impersonate", "serviceaccounts", f"{OWN} kube-system", ""),
    Row("create", "selfsubjectaccessreviews", CLUSTER, "PDAR", "authorization.k8s.io"),
    Row("create", "subjectaccessreviews", CLUSTER, "", "authorization.k8s.io"),
    Row("create", "tokenreviews", CLUSTER, "", "authentication.k8s.io"),
    Row(READ, "certificatesigningrequests", CLUSTER, "PA", CERTIFICATES),
    Row(CHANGE, "certificatesigningrequests", CLUSTER, "", CERTIFICATES),
    Row("update patch", "certificatesigningrequests/approval", CLUSTER, "", CERTIFICATES),
    Row(READ, "validatingadmissionpolicies", CLUSTER, "PA", ADMISSION),
    Row(CHANGE, "validatingadmissionpolicies", CLUSTER, "", ADMISSION),
    Row(READ, "validatingadmissionpolicybindings", CLUSTER, "PA", ADMISSION),
    Row(CHANGE, "validatingadmissionpolicybindings", CLUSTER, "", ADMISSION),
    Row(READ, "validatingwebhookconfigurations", CLUSTER, "PA", ADMISSION),
    Row(CHANGE, "validatingwebhookconfigurations", CLUSTER, "", ADMISSION),
    Row(READ, "mutatingwebhookconfigurations", CLUSTER, "PA", ADMISSION),
    Row(CHANGE, "mutatingwebhookconfigurations", CLUSTER, "", ADMISSION),
)
CLUSTER_OWN = (
    Row(READ, "namespaces", CLUSTER, "PA"),
    Row(CHANGE, "namespaces", CLUSTER, "P"),
    Row(READ, "nodes", CLUSTER, "PA"),
    Row("update patch", "nodes", CLUSTER, "P"),
    Row("create delete deletecollection", "nodes", CLUSTER, ""),
    Row("get create", "nodes/proxy", CLUSTER, ""),
    Row("get list", "nodes", CLUSTER, "PA", METRICS),
    Row(READ, "persistentvolumes", CLUSTER, "PA"),
    Row("update patch", "persistentvolumes", CLUSTER, "P"),
    Row("create delete", "persistentvolumes", CLUSTER, ""),
    Row(READ, "storageclasses", CLUSTER, "PA", STORAGE),
    Row(CHANGE, "storageclasses", CLUSTER, "", STORAGE),
    Row(READ, "volumeattachments", CLUSTER, "PA", STORAGE),
    Row(READ, "priorityclasses", CLUSTER, "PA", SCHEDULING),
    Row(CHANGE, "priorityclasses", CLUSTER, "", SCHEDULING),
    Row(READ, "customresourcedefinitions", CLUSTER, "PA", EXTENSIONS),
    Row(CHANGE, "customresourcedefinitions", CLUSTER, "", EXTENSIONS),
    Row(READ, "apiservices", CLUSTER, "PA", REGISTRATION),
    Row(CHANGE, "apiservices", CLUSTER, "", REGISTRATION),
    Row(READ, "leases", "kube-system", "PA", COORDINATION),
    Row(CHANGE, "leases", "kube-system", "", COORDINATION),
    # All namespaces at once: what holds in one namespace only does not reach so far.
    Row("list watch", "pods", CLUSTER, "PA"),
    Row("list watch", "configmaps", CLUSTER, "PA"),
    Row("list watch", "secrets", CLUSTER, ""),
    Row("list watch", "deployments", CLUSTER, "PA", APPS),
)
TABLE = (*PODS, *CONFIGURATION, *WORKLOADS, *NETWORK, *ACCESS, *CLUSTER_OWN)


def cells() -> Iterator[Cell]:
    """Every cell: persona by verb by resource by namespace."""
    for row in TABLE:
        able = {INITIALS[initial].name for initial in row.can}
        for namespace in row.namespaces.split() or [CLUSTER]:
            for verb in row.verbs.split():
                for persona in PERSONAS:
                    yield Cell(persona, verb, row.resource, row.group, namespace, persona.name in able)
