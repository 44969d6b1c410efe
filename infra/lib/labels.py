"""The recommended labels, and the part of them that selects pods.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
"""

PART_OF = "blueprint"


def selector(name: str) -> dict[str, str]:
    """The labels that never change and so may select pods."""
    return {"app.kubernetes.io/name": name}


def labels(name: str, component: str, version: str | None = None) -> dict[str, str]:
    """All recommended labels of an object that belongs to `name`."""
    own = {
        **selector(name),
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "pulumi",
    }
    return own | ({"app.kubernetes.io/version": version} if version else {})


def daemon_selector(name: str, component: str) -> dict[str, str]:
    """Selects the pods of a DaemonSet.

    It takes every pod that its selector selects and that nothing else controls for its own, and removes it where it has
    one on that node already. So it demands more than the name, by which policies and Services select.
    """
    return selector(name) | {"app.kubernetes.io/component": component}
