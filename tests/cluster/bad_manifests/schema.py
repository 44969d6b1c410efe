"""What the API server cannot read, or what cannot be: unknown and missing fields, wrong types, broken rules of a kind.

All is read strictly (kubectl's `--validate=strict`): an unknown field is refused, where it used to be dropped.
"""

from collections.abc import Callable

from tests.cluster.bad_manifests import good
from tests.cluster.bad_manifests.bad import Bad, Object, Stage, container, pod, spec, spec_of


def _schema(name: str, make: Callable[[str], Object], breaks: Callable[[Object], object], *says: str) -> Bad:
    return Bad(name, Stage.SCHEMA, says, make, breaks)


def _rename(manifest: Object) -> None:
    manifest["metadata"]["name"] = "Not_A_Name"


def _label_value(manifest: Object) -> None:
    manifest["metadata"]["labels"]["app.kubernetes.io/name"] = "two words"


def _selects_others(manifest: Object) -> None:
    manifest["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] = "others"


def _same_name_twice(manifest: Object) -> None:
    spec_of(manifest)["containers"] *= 2


def _request_above_limit(manifest: Object) -> None:
    spec_of(manifest)["containers"][0]["resources"]["requests"]["memory"] = "1Gi"


def _mount_of_nothing(manifest: Object) -> None:
    spec_of(manifest)["containers"][0]["volumeMounts"][0]["name"] = "nowhere"


def _end_before_port(manifest: Object) -> None:
    manifest["spec"]["ingress"][0]["ports"][0]["endPort"] = 80


SCHEMA = (
    _schema("a field that does not exist", good.deployment, container(imagePullPolice="Always"), "unknown field"),
    _schema("a field in the wrong place", good.deployment, spec(containers=[]), 'unknown field "spec.containers"'),
    _schema(
        "a number where a list belongs",
        good.deployment,
        container(command=1),
        "cannot unmarshal number",
        "containers.command",
    ),
    _schema("a word where a number belongs", good.deployment, spec(replicas="two"), "replicas"),
    _schema("no containers", good.pod, pod(containers=[]), "spec.containers: Required value"),
    _schema("no image", good.pod, container(image=None), "spec.containers[0].image: Required value"),
    _schema("a name with capitals", good.config_map, _rename, "metadata.name: Invalid value", "RFC 1123"),
    _schema("a label with a space", good.config_map, _label_value, "metadata.labels: Invalid value", "two words"),
    _schema("a selector that selects others", good.deployment, _selects_others, "`selector` does not match"),
    _schema("two containers of one name", good.pod, _same_name_twice, "spec.containers[1].name: Duplicate value"),
    _schema("a request above its limit", good.pod, _request_above_limit, "must be less than or equal to memory limit"),
    _schema("a mount without its volume", good.pod, _mount_of_nothing, 'volumeMounts[0].name: Not found: "nowhere"'),
    _schema("a port that does not exist", good.service, spec(ports=[{"port": 70000}]), "between 1 and 65535"),
    _schema("a negative number of pods", good.deployment, spec(replicas=-1), "greater than or equal to 0"),
    _schema("a schedule that is none", good.cron_job, spec(schedule="hourly"), "spec.schedule: Invalid value"),
    _schema("fewer pods at most than at least", good.autoscaler, spec(minReplicas=3), "maxReplicas: Invalid value"),
    _schema("a range that ends before it begins", good.network_policy, _end_before_port, "endPort: Invalid value"),
    _schema("a claim without a mode", good.claim, spec(accessModes=[]), "spec.accessModes: Required value"),
    _schema(
        "a restart policy that is none", good.pod, pod(restartPolicy="Sometimes"), "restartPolicy: Unsupported value"
    ),
)
