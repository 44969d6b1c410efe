"""Unknowns in a preview, definitions before their objects, refresh, import, protect, targets, many resources."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml
from pulumi import automation

from toolchain.kubernetes_plugin.tests.conformance.conftest import World
from toolchain.kubernetes_plugin.tests.conformance.test_objects import config_map


def widget_definition(group: str) -> dict[str, Any]:
    schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"open_apiv3_schema": schema}}
    return {
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [version],
        },
    }


def test_definition_and_its_object_in_one_update(world: World) -> None:
    group = f"{world.namespace}.example.com"

    def program() -> None:
        options = world.options()
        definition = k8s.apiextensions.v1.CustomResourceDefinition("d", **widget_definition(group), opts=options)
        after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[definition]))
        metadata = world.meta("w")
        k8s.apiextensions.CustomResource("w", f"{group}/v1", "Widget", metadata=metadata, spec={"size": 3}, opts=after)

    assert world.preview(program)["create"] == 4
    world.up(program)
    assert world.object(f"widgets.{group}", "w")["spec"] == {"size": 3}
    assert world.changes(world.up(program)) == {"same": 4}
    world.stack.destroy(color="never")
    assert world.kubectl("get", "crd", f"widgets.{group}", "--ignore-not-found") == ""


def test_object_of_an_unknown_type_is_refused_with_its_name(world: World) -> None:
    def program() -> None:
        k8s.apiextensions.CustomResource(
            "w", "no.example.com/v1", "Nothing", metadata=world.meta("w"), opts=world.options()
        )

    message = world.fails(program)
    assert "no.example.com/v1 Nothing" in message
    assert "CustomResourceDefinition" in message


def test_unknown_kubeconfig_in_the_first_preview(world: World) -> None:
    """The kubeconfig depends on an object that the same program makes with another provider."""

    def program() -> None:
        first = k8s.core.v1.ConfigMap("carrier", metadata=world.meta(), data={"x": "y"}, opts=world.options())
        text = world.kubeconfig.read_text()
        later = k8s.Provider("later", kubeconfig=first.metadata["uid"].apply(lambda _: text))
        options = pulumi.ResourceOptions(provider=later)
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), data={"a": "1"}, opts=options)
        k8s.helm.v3.Release(
            "r", chart="/nowhere", name="r", namespace="x", opts=pulumi.ResourceOptions(provider=later)
        ) if False else None

    assert world.preview(program)["create"] == 5
    world.up(program)
    assert world.object("configmap", "one")["data"] == {"a": "1"}
    assert world.changes(world.up(program)) == {"same": 5}


def test_unknown_input_in_the_preview(world: World) -> None:
    def program() -> None:
        options = world.options()
        first = k8s.core.v1.ConfigMap("first", metadata=world.meta(), data={"x": "y"}, opts=options)
        k8s.core.v1.ConfigMap(
            "second", metadata=world.meta("second"), data={"uid": first.metadata["uid"]}, opts=options
        )

    assert world.preview(program)["create"] == 4
    world.up(program)
    assert len(world.object("configmap", "second")["data"]["uid"]) == 36


def test_namespace_and_its_content_in_one_update(world: World) -> None:
    name = f"{world.namespace}-more"

    def program() -> None:
        options = world.options()
        space = k8s.core.v1.Namespace("space", metadata={"name": name}, opts=options)
        k8s.core.v1.ConfigMap("in", metadata={"name": "in", "namespace": space.metadata["name"]}, opts=options)

    world.preview(program)
    world.up(program)
    assert world.kubectl("get", "configmap", "in", "-n", name, "-o", "name")
    world.stack.destroy(color="never")
    assert world.kubectl("get", "namespace", name, "--ignore-not-found") == ""


def test_preview_makes_nothing(world: World) -> None:
    world.preview(config_map(world, {"a": "1"}))
    assert not world.exists("configmap", "one")


def test_preview_reports_what_the_server_would_refuse(world: World) -> None:
    def program() -> None:
        k8s.core.v1.Service(
            "s", metadata=world.meta("Not_A_Name"), spec={"ports": [{"port": 80}]}, opts=world.options()
        )

    world._program = program
    try:
        world.stack.preview(color="never")
    except automation.CommandError as error:
        assert "Not_A_Name" in str(error)
    else:
        raise AssertionError("the preview passed")


def test_refresh_sees_drift_and_the_next_update_mends_it(world: World) -> None:
    world.settings["enable_config_map_mutable"] = True
    program = config_map(world, {"a": "1"})
    world.up(program)
    world.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"drifted","foreign":"x"}}')
    refreshed = world.stack.refresh(color="never")
    assert world.changes(refreshed)["update"] == 1
    world.settings["enable_patch_force"] = True
    world.up(program)
    assert world.object("configmap", "one")["data"] == {"a": "1", "foreign": "x"}


def test_refresh_drops_what_was_deleted_and_the_next_update_makes_it_again(world: World) -> None:
    program = config_map(world, {"a": "1"})
    world.up(program)
    world.kubectl("delete", "configmap", "one")
    world.stack.refresh(color="never")
    assert world.changes(world.up(program))["create"] == 1
    assert world.exists("configmap", "one")


def test_refresh_after_no_drift_changes_nothing(world: World) -> None:
    """Quantities and defaults that the server spells its own way are no drift."""

    def program() -> None:
        resources = {"requests": {"cpu": "0.5", "memory": "1024Mi"}}
        container = {"name": "c", "image": "i", "resources": resources}
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
        spec: Any = {"replicas": 0, "selector": {"match_labels": {"a": "b"}}, "template": template}
        k8s.apps.v1.Deployment("d", metadata=world.meta("d"), spec=spec, opts=world.options())

    world.up(program)
    world.stack.refresh(color="never")
    assert world.changes(world.up(program)) == {"same": 3}


def test_import_takes_over_an_object(world: World) -> None:
    world.kubectl("create", "configmap", "one", "--from-literal=a=1")

    def program() -> None:
        options = world.options(import_=f"{world.namespace}/one")
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), data={"a": "1"}, opts=options)

    assert world.changes(world.up(program))["import"] == 1
    assert world.changes(world.up(config_map(world, {"a": "1"}))) == {"same": 3}


def test_an_object_that_exists_is_not_taken_over_silently(world: World) -> None:
    world.kubectl("create", "configmap", "one", "--from-literal=a=1")
    assert "already exists" in world.fails(config_map(world, {"a": "1"}))
    world.settings["upsert_existing_objects"] = True
    world.settings["enable_patch_force"] = True
    world.up(config_map(world, {"a": "2"}))
    assert world.object("configmap", "one")["data"] == {"a": "2"}


def test_protected_object_is_not_deleted(world: World) -> None:
    def program() -> None:
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), opts=world.options(protect=True))

    world.up(program)
    assert "protect" in world.fails(lambda: None)
    assert world.exists("configmap", "one")


def test_targeted_destroy_leaves_the_rest(world: World) -> None:
    def program() -> None:
        options = world.options()
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), opts=options)
        k8s.core.v1.ConfigMap("two", metadata=world.meta("two"), opts=options)

    world.up(program)
    urn = "urn:pulumi:test::conformance::kubernetes:core/v1:ConfigMap::one"
    world.stack.destroy(target=[urn], color="never")
    assert not world.exists("configmap", "one")
    assert world.exists("configmap", "two")


def test_two_hundred_resources_in_one_update(world: World) -> None:
    def program() -> None:
        options = world.options()
        for index in range(200):
            k8s.core.v1.ConfigMap(f"c{index}", metadata=world.meta(f"c{index}"), data={"i": str(index)}, opts=options)

    assert world.changes(world.up(program))["create"] == 202
    assert len(world.kubectl("get", "configmaps", "-o", "name").split()) >= 200
    assert world.changes(world.up(program)) == {"same": 202}
    world.stack.destroy(color="never")
    assert not world.exists("configmap", "c199")


def test_destroy_of_an_object_that_is_gone_is_fine(world: World) -> None:
    world.up(config_map(world, {"a": "1"}))
    world.kubectl("delete", "configmap", "one")
    world.stack.destroy(color="never")


def test_secret_values_are_encrypted_in_the_state(world: World) -> None:
    def program() -> None:
        made = k8s.core.v1.Secret("s", metadata=world.meta("s"), string_data={"p": "hunter2"}, opts=world.options())
        pulumi.export("data", made.data)

    result = world.up(program)
    assert result.outputs["data"].secret
    assert "hunter2" not in world.state()
    assert "aHVudGVyMg==" not in world.state()
    assert world.changes(world.up(program)) == {"same": 3}
    world.stack.refresh(color="never")
    assert world.changes(world.up(program)) == {"same": 3}


def test_custom_timeout_ends_a_deletion_that_hangs(world: World) -> None:
    def program() -> None:
        metadata = world.meta("one", finalizers=["example.com/never"])
        timeouts = pulumi.CustomTimeouts(delete="2s")
        k8s.core.v1.ConfigMap("one", metadata=metadata, opts=world.options(custom_timeouts=timeouts))

    world.up(program)
    try:
        world.stack.destroy(color="never")
    except automation.CommandError as error:
        assert "example.com/never" in str(error)
    else:
        raise AssertionError("the destroy passed")
    world.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_a_cluster_that_does_not_answer_is_named(world: World) -> None:
    document = yaml.safe_load(world.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"

    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig=yaml.safe_dump(document))
        k8s.core.v1.ConfigMap("one", metadata=world.meta("one"), opts=pulumi.ResourceOptions(provider=provider))

    assert "127.0.0.1:1" in world.fails(program)


def test_unsupported_provider_setting_is_refused(world: World) -> None:
    world.settings["enable_server_side_apply"] = False
    assert "server-side apply" in world.fails(config_map(world, {"a": "1"}))
