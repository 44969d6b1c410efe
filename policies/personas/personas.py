"""The four personas and their rights."""

from policies.personas.model import READ, WRITE, Persona, Rule, Way

APPLICATIONS = ("shop", "edge")
"""Where the suite's own services run."""
PEOPLE = frozenset(Way)
APPS, BATCH, RBAC = "apps", "batch", "rbac.authorization.k8s.io"
AUTOSCALING, POLICY, NETWORKING = "autoscaling", "policy", "networking.k8s.io"
DISCOVERY, METRICS, STORAGE = "discovery.k8s.io", "metrics.k8s.io", "storage.k8s.io"
GATEWAY, CILIUM = "gateway.networking.k8s.io", "cilium.io"
ADMISSION, EXTENSIONS = "admissionregistration.k8s.io", "apiextensions.k8s.io"
CERTIFICATES, REGISTRATION, COORDINATION = "certificates.k8s.io", "apiregistration.k8s.io", "coordination.k8s.io"
SCHEDULING = "scheduling.k8s.io"

_WORKLOADS = (
    Rule(("pods", "services", "configmaps", "events", "persistentvolumeclaims"), READ),
    Rule(("pods/log",), ("get",)),
    Rule(("deployments", "replicasets", "statefulsets"), READ, APPS),
    Rule(("jobs", "cronjobs"), READ, BATCH),
    Rule(("horizontalpodautoscalers",), READ, AUTOSCALING),
    Rule(("poddisruptionbudgets",), READ, POLICY),
    Rule(("pods",), ("get", "list"), METRICS),
)
_NETWORK = (
    Rule(("endpointslices",), READ, DISCOVERY),
    Rule(("ingresses", "networkpolicies"), READ, NETWORKING),
    Rule(("httproutes",), READ, GATEWAY),
    Rule(("ciliumnetworkpolicies",), READ, CILIUM),
)
_ACCESS = (
    Rule(("serviceaccounts",), READ),
    Rule(("roles", "rolebindings", "clusterroles", "clusterrolebindings"), READ, RBAC),
    Rule(("certificatesigningrequests",), READ, CERTIFICATES),
    Rule(
        (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
        ),
        READ,
        ADMISSION,
    ),
)
_CLUSTER = (
    Rule(("namespaces", "nodes", "persistentvolumes", "resourcequotas", "limitranges"), READ),
    Rule(("daemonsets",), READ, APPS),
    Rule(("storageclasses", "volumeattachments"), READ, STORAGE),
    Rule(("priorityclasses",), READ, SCHEDULING),
    Rule(("customresourcedefinitions",), READ, EXTENSIONS),
    Rule(("apiservices",), READ, REGISTRATION),
    Rule(("leases",), READ, COORDINATION),
    Rule(("gateways", "gatewayclasses"), READ, GATEWAY),
    Rule(("ciliumclusterwidenetworkpolicies", "ciliumendpoints", "ciliumnodes"), READ, CILIUM),
    Rule(("nodes",), ("get", "list"), METRICS),
)

PLATFORM_ADMIN = Persona(
    name="platform-admin",
    purpose="keeps the cluster itself in order: namespaces and their limits, nodes and their drains, volumes",
    ways=PEOPLE,
    parts={
        "sees": (*_CLUSTER, *_WORKLOADS, *_NETWORK, *_ACCESS),
        "does": (
            Rule(("namespaces", "resourcequotas", "limitranges"), WRITE),
            Rule(("nodes", "persistentvolumes"), ("update", "patch")),
            Rule(("pods",), ("delete",)),
            Rule(("pods/eviction",), ("create",)),
        ),
    },
)
SHOP_DEVELOPER = Persona(
    name="shop-developer",
    purpose="runs the services: sees what they do, restarts and scales them; what runs is the release's to say",
    ways=PEOPLE,
    namespaces=APPLICATIONS,
    parts={
        "own": (
            *_WORKLOADS,
            *_NETWORK,
            Rule(("deployments",), ("patch",), APPS),  # a restart; `restarts` keeps it to that
            Rule(("deployments/scale",), ("get", "update", "patch"), APPS),
        )
    },
)
AUDITOR = Persona(
    name="auditor",
    purpose="sees how everything is set up and who may do what; changes nothing, and reads no secret",
    ways=PEOPLE,
    parts={"workloads": _WORKLOADS, "network": _NETWORK, "access": _ACCESS, "cluster": _CLUSTER},
    aggregated=True,
)
RELEASE_BOT = Persona(
    name="release-bot",
    purpose="releases the services by their Helm chart, from a pipeline",
    ways=frozenset({Way.ACCOUNT}),
    namespaces=APPLICATIONS,
    parts={
        "own": (
            Rule(("services", "configmaps", "serviceaccounts", "persistentvolumeclaims"), (*READ, *WRITE)),
            Rule(("deployments",), (*READ, *WRITE), APPS),
            Rule(("jobs", "cronjobs"), (*READ, *WRITE), BATCH),
            Rule(("horizontalpodautoscalers",), (*READ, *WRITE), AUTOSCALING),
            Rule(("poddisruptionbudgets",), (*READ, *WRITE), POLICY),
            Rule(("pods", "events"), READ),
            Rule(("pods/log",), ("get",)),
            Rule(("replicasets",), READ, APPS),
            # Helm keeps its record of each release in Secrets, and RBAC cannot tell these from others. It opens nothing
            # more: whoever deploys pods to a namespace can let them mount its Secrets.
            Rule(("secrets",), ("get", "list", "create", "update", "delete")),
        )
    },
)
PERSONAS = (PLATFORM_ADMIN, SHOP_DEVELOPER, AUDITOR, RELEASE_BOT)
