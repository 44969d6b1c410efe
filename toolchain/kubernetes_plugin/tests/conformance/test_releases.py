"""Helm releases: install, upgrade, failure and its mending, drift, uninstall."""

import subprocess
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
import yaml

from toolchain.kubernetes_plugin.tests.conformance.conftest import Program, World

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {greeting: {{ .Values.greeting | quote }}}
"""
BROKEN = """
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-pod}
spec: {containers: [{name: c, image: none}]}
"""
OWN_NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: {{ .Release.Namespace }}-own}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: inside, namespace: {{ .Release.Namespace }}-own}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    metadata = {"apiVersion": "v2", "name": "greeter", "version": "0.1.0", "appVersion": "7"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(metadata))
    (folder / "values.yaml").write_text("greeting: hello\n")
    (folder / "templates/settings.yaml").write_text(TEMPLATE)
    return folder


def release(world: World, chart: Path, **inputs: Any) -> Program:
    def program() -> None:
        given = {"name": "r", "namespace": world.namespace, "timeout": 30, **inputs}
        made = k8s.helm.v3.Release("r", chart=str(chart), opts=world.options(), **given)
        pulumi.export("status", made.status)
        pulumi.export("id", made.id)

    return program


def greeting(world: World) -> Any:
    return world.object("configmap", "r-settings")["data"]["greeting"]


def test_install_exports_the_status(world: World, chart: Path) -> None:
    result = world.up(release(world, chart, values={"greeting": "hi"}))
    assert greeting(world) == "hi"
    assert result.outputs["id"].value == f"{world.namespace}/r"
    status = result.outputs["status"].value
    assert (status["status"], status["app_version"], status["revision"]) == ("deployed", "7", 1)


def test_second_update_changes_nothing(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    assert world.changes(world.up(release(world, chart))) == {"same": 3}


def test_new_values_upgrade(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    result = world.up(release(world, chart, values={"greeting": "moin"}))
    assert greeting(world) == "moin"
    assert result.outputs["status"].value["revision"] == 2


def test_changed_chart_content_upgrades(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    (chart / "values.yaml").write_text("greeting: changed\n")
    assert world.changes(world.up(release(world, chart)))["update"] == 1
    assert greeting(world) == "changed"


def test_value_files_come_before_values(world: World, chart: Path, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("greeting: from-file\n")
    files = [pulumi.FileAsset(str(tmp_path / "file.yaml"))]
    world.up(release(world, chart, value_yaml_files=files))
    assert greeting(world) == "from-file"
    world.up(release(world, chart, value_yaml_files=files, values={"greeting": "from-values"}))
    assert greeting(world) == "from-values"


def test_auto_named_release_in_a_namespace_that_it_makes(world: World, chart: Path) -> None:
    space = f"{world.namespace}-made"
    result = world.up(release(world, chart, name=None, namespace=space, create_namespace=True))
    assert result.outputs["id"].value.startswith(f"{space}/r-")
    world.stack.destroy(color="never")
    world.kubectl("delete", "namespace", space, "--wait=false")


def test_error_in_a_template_shows_in_the_preview(world: World, chart: Path) -> None:
    (chart / "templates/bad.yaml").write_text("{{ fail `not like this` }}")
    assert "not like this" in world.fails(release(world, chart))
    assert not world.exists("configmap", "r-settings")


def test_failed_install_is_remembered_and_mended_by_the_next_update(world: World, chart: Path) -> None:
    """What failed is removed first, and waited for: a namespace that is still going would refuse its new content."""
    (chart / "templates/pod.yaml").write_text(BROKEN)
    (chart / "templates/own.yaml").write_text(OWN_NAMESPACE)
    assert "failed" in world.fails(release(world, chart, timeout=4))
    (chart / "templates/pod.yaml").unlink()
    result = world.up(release(world, chart))
    assert result.outputs["status"].value["status"] == "deployed"
    world.stack.destroy(color="never")


def test_failed_upgrade_with_atomic_rolls_back(world: World, chart: Path) -> None:
    world.up(release(world, chart, atomic=True))
    (chart / "templates/pod.yaml").write_text(BROKEN)
    world.fails(release(world, chart, atomic=True, timeout=4, values={"greeting": "never"}))
    assert greeting(world) == "hello"
    (chart / "templates/pod.yaml").unlink()
    assert world.up(release(world, chart, atomic=True)).outputs["status"].value["status"] == "deployed"


def test_refresh_sees_a_foreign_upgrade_and_the_next_update_mends_it(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    line = ["helm", "upgrade", "r", str(chart), "-n", world.namespace, "--set", "greeting=foreign"]
    subprocess.run([*line, "--kubeconfig", str(world.kubeconfig)], check=True, capture_output=True, timeout=60)
    world.stack.refresh(color="never")
    world.up(release(world, chart))
    assert greeting(world) == "hello"


def test_refresh_without_drift_changes_nothing(world: World, chart: Path) -> None:
    world.up(release(world, chart, values={"greeting": "hi"}))
    world.stack.refresh(color="never")
    assert world.changes(world.up(release(world, chart, values={"greeting": "hi"}))) == {"same": 3}


def test_uninstalled_release_is_made_again_after_refresh(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    world.kubectl("delete", "secrets", "-l", "owner=helm")
    world.kubectl("delete", "configmap", "r-settings")
    world.stack.refresh(color="never")
    assert world.changes(world.up(release(world, chart)))["create"] == 1


def test_destroy_uninstalls_and_waits(world: World, chart: Path) -> None:
    world.up(release(world, chart))
    world.stack.destroy(color="never")
    assert not world.exists("configmap", "r-settings")
    assert world.kubectl("get", "secrets", "-l", "owner=helm", "-o", "name") == ""


def test_unsupported_input_is_refused(world: World, chart: Path) -> None:
    assert "postrender" in world.fails(release(world, chart, postrender="/bin/cat"))


def test_secret_values_are_encrypted_in_the_state(world: World, chart: Path) -> None:
    def program() -> None:
        release(world, chart, values={"greeting": pulumi.Output.secret("hunter2")})()

    world.up(program)
    assert greeting(world) == "hunter2"
    assert "hunter2" not in world.state()
