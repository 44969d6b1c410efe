"""Steps that most jobs share: which of all pods, or of all Services' endpoints, are theirs, and how they are called."""

from monitoring.scraping.model import Step, drop, keep, put

_NAMESPACE = "__meta_kubernetes_namespace"
_POD, _POD_NODE = "__meta_kubernetes_pod_name", "__meta_kubernetes_pod_node_name"
_CONTAINER = "__meta_kubernetes_pod_container_name"
_CONTAINER_PORT = "__meta_kubernetes_pod_container_port_name"
_POD_NAME_LABEL = "__meta_kubernetes_pod_label_app_kubernetes_io_name"
_PHASE = "__meta_kubernetes_pod_phase"
_SERVICE = "__meta_kubernetes_service_name"
_PORT, _PORT_NAME = "__meta_kubernetes_endpointslice_port", "__meta_kubernetes_endpointslice_port_name"
_PART_OF = "__meta_kubernetes_service_label_app_kubernetes_io_part_of"

PLACE = (
    put("Where the target runs, for whoever reads the series.", "namespace", _NAMESPACE),
    put("The pod: what asks for it may be `kubectl logs`.", "pod", _POD),
    put("Its node, so that a node's own trouble can be seen in all that is on it.", "node", _POD_NODE),
    put("Its container, as cAdvisor calls it too.", "container", _CONTAINER),
)
"""What a target is called that is a pod. `instance`, its address and port, Prometheus adds by itself."""

SERVICE = put("The Service that leads there: the name by which everybody knows it.", "service", _SERVICE)


def component(label: str, value: str, port: int) -> tuple[Step, ...]:
    """The pods that kubeadm labels so, at this port of theirs, which is their node's: they are on its network.

    Args:
        label: the pods' label, as Prometheus writes its name.
        value: what the label says.
        port: where their metrics are.
    """
    return (
        keep(f"Of all pods of kube-system, {value}'s.", (_NAMESPACE, label), f"kube-system;{value}"),
        put(
            f"Its port for metrics, {port}, whatever ports its pod names.",
            "__address__",
            "__meta_kubernetes_pod_ip",
            replacement=f"$1:{port}",
        ),
        *PLACE,
    )


def pods(namespace: str, name: str, port: str) -> tuple[Step, ...]:
    """The pods of this name, at their container's port of that name."""
    return (
        keep(
            f"Of all ports of all pods, `{port}` of {namespace}/{name}.",
            (_NAMESPACE, _POD_NAME_LABEL, _CONTAINER_PORT),
            f"{namespace};{name};{port}",
        ),
        drop("A pod that has ended answers no more, though it is still listed.", (_PHASE,), "Succeeded|Failed"),
        *PLACE,
    )


def behind(namespace: str, service: str, port: int) -> tuple[Step, ...]:
    """What is behind this Service, at that port of the pods; without the steps that name it."""
    return (
        keep(
            f"Of all endpoints of all Services, those of {service}.{namespace}, at port {port}.",
            (_NAMESPACE, _SERVICE, _PORT),
            f"{namespace};{service};{port}",
        ),
    )


def every_service(namespaces: tuple[str, ...], port: int) -> tuple[Step, ...]:
    """What is behind every Service of the suite in these namespaces that has a port `metrics`, at that port."""
    return (
        keep("Of all Services, those of the suite: they say so themselves.", (_PART_OF,), "blueprint"),
        keep(
            "Their port for metrics, in the namespaces where services are. A new service needs nothing more, so this"
            " list is not of services.",
            (_NAMESPACE, _PORT_NAME, _PORT),
            f"({'|'.join(namespaces)});metrics;{port}",
        ),
        SERVICE,
        *PLACE,
    )


def only(instance: str) -> Step:
    """There is one of it, and what it says is of others: another pod in its place shall go on with the same series."""
    return put(
        "There is one, and it speaks for others: its address is of no interest.", "instance", replacement=instance
    )
