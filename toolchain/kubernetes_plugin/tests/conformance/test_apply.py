"""Field ownership and immutable fields."""

import json
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from toolchain.kubernetes_plugin.tests.conformance.conftest import Program, World
from toolchain.kubernetes_plugin.tests.conformance.test_objects import config_map

LABELS = {"app": "a"}


def owned_by_another(world: World) -> str:
    """The test's ConfigMap as somebody else applies it."""
    metadata = {"name": "one", "namespace": world.namespace}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "9"}})


def workload(world: World, kind: str, replicas: int = 0, **spec: Any) -> Program:
    """A workload that makes no pod, so that it is ready without a kubelet."""
    container = {"name": "c", "image": "image"}
    template = {"metadata": {"labels": {**LABELS, "v": "1"}}, "spec": {"containers": [container]}}
    whole = {"replicas": replicas, "selector": {"match_labels": LABELS}, "template": template, **spec}

    def program() -> None:
        made = getattr(k8s.apps.v1, kind)("w", metadata=world.meta("w"), spec=whole, opts=world.options())
        pulumi.export("uid", made.metadata["uid"])

    return program


def test_conflict_names_manager_field_and_remedy(world: World) -> None:
    world.settings["enable_config_map_mutable"] = True
    world.up(config_map(world, {"a": "1"}))
    world.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=somebody",
        "-f",
        "-",
        text=owned_by_another(world),
    )
    message = world.fails(config_map(world, {"a": "2"}))
    assert "somebody" in message
    assert ".data.a" in message
    assert "pulumi.com/patchForce" in message


def test_patch_force_takes_a_field_over(world: World) -> None:
    world.settings["enable_config_map_mutable"] = True
    world.up(config_map(world, {"a": "1"}))
    world.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=somebody",
        "-f",
        "-",
        text=owned_by_another(world),
    )

    def program() -> None:
        metadata = world.meta("one", annotations={"pulumi.com/patchForce": "true"})
        k8s.core.v1.ConfigMap("one", metadata=metadata, data={"a": "2"}, opts=world.options())

    world.up(program)
    assert world.object("configmap", "one")["data"] == {"a": "2"}


def test_field_manager_is_the_annotation_s(world: World) -> None:
    def program() -> None:
        metadata = world.meta("one", annotations={"pulumi.com/patchFieldManager": "mine"})
        k8s.core.v1.ConfigMap("one", metadata=metadata, data={"a": "2"}, opts=world.options())

    world.up(program)
    shown = world.kubectl("get", "configmap", "one", "-o", "json", "--show-managed-fields")
    assert '"manager": "mine"' in shown


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_selector_change_replaces(world: World, kind: str) -> None:
    extra: Any = {"service_name": "w"} if kind == "StatefulSet" else {}
    drop: Any = {"replicas": None} if kind == "DaemonSet" else {}
    first = world.up(workload(world, kind, **extra, **drop)).outputs["uid"].value
    selector = {"match_labels": {"v": "1"}}
    second = world.up(workload(world, kind, selector=selector, **extra, **drop)).outputs["uid"].value
    assert first != second


def test_stateful_set_replicas_change_in_place(world: World) -> None:
    first = world.up(workload(world, "StatefulSet", service_name="w")).outputs["uid"].value
    second = world.up(workload(world, "StatefulSet", service_name="w", min_ready_seconds=1)).outputs["uid"].value
    assert first == second


def test_volume_claim_templates_change_replaces(world: World) -> None:
    def claim(size: str) -> list[dict[str, Any]]:
        spec = {"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        return [{"metadata": {"name": "data"}, "spec": spec}]

    first = world.up(workload(world, "StatefulSet", service_name="w", volume_claim_templates=claim("1Gi")))
    second = world.up(workload(world, "StatefulSet", service_name="w", volume_claim_templates=claim("2Gi")))
    assert first.outputs["uid"].value != second.outputs["uid"].value


def test_role_reference_change_replaces(world: World) -> None:
    def binding(role: str) -> Program:
        def program() -> None:
            reference: Any = {"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
            made = k8s.rbac.v1.RoleBinding(
                "b", metadata=world.meta("b"), role_ref=reference, subjects=[], opts=world.options()
            )
            pulumi.export("uid", made.metadata["uid"])

        return program

    first = world.up(binding("one")).outputs["uid"].value
    assert world.up(binding("two")).outputs["uid"].value != first


def test_cluster_ip_change_replaces(world: World) -> None:
    def service(**spec: Any) -> Program:
        def program() -> None:
            whole: Any = {"ports": [{"port": 80}], **spec}
            made = k8s.core.v1.Service("s", metadata=world.meta("s"), spec=whole, opts=world.options())
            pulumi.export("uid", made.metadata["uid"])

        return program

    first = world.up(service()).outputs["uid"].value
    assert world.up(service(cluster_ip="None")).outputs["uid"].value != first


def test_rename_replaces_create_first(world: World) -> None:
    world.up(config_map(world, {"a": "1"}, name="old"))
    assert world.changes(world.up(config_map(world, {"a": "1"}, name="new")))["replace"] == 1
    assert not world.exists("configmap", "old")
    assert world.exists("configmap", "new")


def test_a_field_outside_the_tables_that_the_server_will_not_change_replaces(world: World) -> None:
    """`PriorityClass.value` is immutable; no table names it, the dry run finds out."""
    name = f"{world.namespace}-priority"

    def priority(value: int) -> Program:
        def program() -> None:
            made = k8s.scheduling.v1.PriorityClass("p", metadata={"name": name}, value=value, opts=world.options())
            pulumi.export("uid", made.metadata["uid"])

        return program

    first = world.up(priority(1)).outputs["uid"].value
    assert world.up(priority(2)).outputs["uid"].value != first
    world.stack.destroy(color="never")


def test_ignore_changes_is_respected(world: World) -> None:
    world.up(config_map(world, {"a": "1"}))

    def program() -> None:
        options = world.options(ignore_changes=["data"])
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), data={"a": "2"}, opts=options)

    assert world.changes(world.up(program)) == {"same": 3}
    assert world.object("configmap", "one")["data"] == {"a": "1"}


def test_unknown_annotation_is_refused(world: World) -> None:
    def program() -> None:
        metadata = world.meta("one", annotations={"pulumi.com/skipAwiat": "true"})
        k8s.core.v1.ConfigMap("one", metadata=metadata, opts=world.options())

    assert "skipAwiat" in world.fails(program)
