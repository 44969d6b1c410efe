"""The cluster's two kinds: what each gives to the rest of the program, and how a kubeconfig is read."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from images import builder
from infra.cluster import kind as kind_module
from infra.cluster.existing import read_kubeconfig
from infra.cluster.kind import gone_with
from infra.settings import SettingsError
from tests.program.conftest import EXISTING_KUBECONFIG
from tests.program.recording import KUBECONFIG, Recorded, certificate, public
from toolchain import kind
from toolchain.control_plane import configuration, server
from toolchain.kind import Health

PROVIDER = "pulumi:providers:kubernetes"
FILES = {"audit.yaml": "what is written down"}
SPEC = kind.Spec("shop-town", 2, 8080, 5001, "blueprint/node:1", "blueprint/registry:1")


def test_kind_is_asked_for_what_the_settings_say(kind_stack: Recorded) -> None:
    nodes = kind_stack.one("pulumi-python:dynamic:Resource", "shop-town")
    wanted = {
        "name": "shop-town",
        "workers": 2,
        "gateway_port": 9080,
        "registry_port": 5001,
        "node_image": "blueprint/node:hash-of-node",
        "registry_image": "blueprint/registry:hash-of-registry",
    }
    assert {key: nodes.inputs[key] for key in wanted} == wanted
    assert nodes.inputs["control_plane_files"] == configuration.files(certificate("authority"))
    assert nodes.secret_outputs == {"kubeconfig"}


def test_what_lives_on_the_cluster_goes_with_it(kind_stack: Recorded) -> None:
    """The nodes' removal takes it all along, so that `down` does not ask the API server for each."""
    nodes = kind_stack.one("pulumi-python:dynamic:Resource", "shop-town")
    assert {found.deleted_with for found in kind_stack.kubernetes()} == {nodes.urn}
    others = [found for found in kind_stack.resources if not found.type.startswith("kubernetes:")]
    assert {found.deleted_with for found in others} == {""}


def test_what_lives_on_a_cluster_of_the_user_s_is_removed_one_by_one(existing_stack: Recorded) -> None:
    assert {found.deleted_with for found in existing_stack.resources} == {""}


def test_only_kubernetes_resources_are_marked_as_going_with_the_cluster() -> None:
    nodes = object.__new__(pulumi.Resource)
    for token, taken in {"kubernetes:core/v1:Secret": nodes, "blueprint:data:Data": None}.items():
        options = pulumi.ResourceOptions()
        gone_with(nodes)(pulumi.ResourceTransformArgs(True, token, "name", {}, options))
        assert options.deleted_with is taken


def test_the_provider_has_the_cluster_s_kubeconfig_as_a_secret(kind_stack: Recorded) -> None:
    provider = kind_stack.one(PROVIDER)
    assert provider.inputs["kubeconfig"] == KUBECONFIG
    assert public(provider.wire)["kubeconfig"] == "[secret]"


def test_an_existing_cluster_s_provider_has_the_chosen_context(existing_stack: Recorded) -> None:
    provider = existing_stack.one(PROVIDER)
    assert yaml.safe_load(provider.inputs["kubeconfig"])["current-context"] == "two"
    assert public(provider.wire)["kubeconfig"] == "[secret]"


def test_the_provider_applies_on_the_server_and_gives_up_on_a_cluster_that_is_gone(stack: Recorded) -> None:
    given = stack.one(PROVIDER).inputs
    assert (given["enableServerSideApply"], given["deleteUnreachable"]) == ("true", "true")


def test_objects_of_others_on_a_cluster_of_the_user_s_are_not_taken_over(existing_stack: Recorded) -> None:
    assert "upsertExistingObjects" not in existing_stack.one(PROVIDER).inputs


@pytest.mark.parametrize("context", ["two", None])
def test_a_kubeconfig_gets_the_context_as_its_current_one(tmp_path: Path, context: str | None) -> None:
    file = tmp_path / "config"
    file.write_text(EXISTING_KUBECONFIG)
    found = yaml.safe_load(read_kubeconfig(str(file), context))
    assert found == yaml.safe_load(EXISTING_KUBECONFIG) | {"current-context": context or "one"}


def test_a_kubeconfig_s_tilde_is_the_user_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(EXISTING_KUBECONFIG)
    assert "the-token-of-one" in read_kubeconfig("~/config", None)


@pytest.mark.parametrize(
    ("content", "context", "problem"),
    [
        (None, None, "cannot be read"),
        ("a: [", None, "cannot be read"),
        ("kind: Pod", None, "is no kubeconfig (its kind is not Config)"),
        ("- kind: Config", None, "is no kubeconfig"),
        ("", None, "is no kubeconfig"),
        (EXISTING_KUBECONFIG, "three", "has no context 'three'; it has ['one', 'two']"),
        ("kind: Config\ncontexts:", None, "has no context None; it has []"),
    ],
)
def test_a_bad_kubeconfig_is_refused_with_its_problem_and_the_remedy(
    tmp_path: Path, content: str | None, context: str | None, problem: str
) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as refused:
        read_kubeconfig(str(file), context)
    assert problem in str(refused.value)
    assert repr(str(file)) in str(refused.value)
    assert "remedy: correct `blueprint:kubeconfig` or `blueprint:context`" in str(refused.value)


def state(spec: kind.Spec) -> dict[str, Any]:
    """The spec as Pulumi gives it back: numbers are floats."""
    given = {key: float(value) if isinstance(value, int) else value for key, value in kind.as_inputs(spec).items()}
    return {**given, "control_plane_files": FILES, "kubeconfig": KUBECONFIG, "registry": "shop-town-registry:5000"}


def test_the_same_spec_changes_nothing() -> None:
    found = kind_module.diff("shop-town", state(SPEC), state(SPEC))
    assert (found.changes, found.replaces) == (False, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("workers", 3.0),
        ("gateway_port", 8081.0),
        ("registry_port", 5002.0),
        ("node_image", "blueprint/node:2"),
        ("registry_image", "blueprint/registry:2"),
        ("control_plane", "made otherwise"),
    ],
)
def test_any_change_of_the_spec_makes_another_cluster_after_the_old_one_is_gone(field: str, value: object) -> None:
    """Both have the same names and ports, so they cannot stand side by side."""
    found = kind_module.diff("shop-town", state(SPEC), state(SPEC) | {field: value})
    assert (found.changes, found.replaces, found.delete_before_replace) == (True, [field], True)


def test_a_cluster_of_a_version_that_told_its_control_plane_nothing_is_made_anew() -> None:
    olds = {key: value for key, value in state(SPEC).items() if not key.startswith("control_plane")}
    assert kind_module.diff("shop-town", olds, state(SPEC)).replaces == ["control_plane"]


def test_other_files_of_the_control_plane_come_into_force_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(server, "update", lambda *given: told.append(given))
    monkeypatch.setattr(kind, "kubeconfig", lambda _name: KUBECONFIG)
    monkeypatch.setattr(kind, "load_balancer_range", lambda _name: ("10.0.0.1", "10.0.0.9"))
    news = state(SPEC) | {"control_plane_files": {"audit.yaml": "more"}}
    found = kind_module.diff("shop-town", state(SPEC), news)
    assert (found.changes, found.replaces) == (True, [])
    outs = kind_module.update("shop-town", state(SPEC), news).outs or {}
    assert told == [("shop-town", FILES, {"audit.yaml": "more"})]
    assert outs["control_plane_files"] == {"audit.yaml": "more"}


def test_a_cluster_is_made_with_images_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[object] = []
    monkeypatch.setattr(builder, "ensure", steps.append)
    monkeypatch.setattr(kind, "create", lambda *given: steps.extend(given))
    monkeypatch.setattr(kind, "kubeconfig", lambda name: f"kubeconfig of {name}")
    monkeypatch.setattr(kind, "load_balancer_range", lambda _name: ("10.0.0.1", "10.0.0.9"))
    made = kind_module.create(state(SPEC))
    assert steps == ["node", "registry", SPEC, FILES]
    assert made.id == "shop-town"
    assert made.outs == {
        **kind.as_inputs(SPEC),
        "control_plane_files": FILES,
        "kubeconfig": "kubeconfig of shop-town",
        "load_balancer_range": ["10.0.0.1", "10.0.0.9"],
        "registry": "shop-town-registry:5000",
    }


def test_a_cluster_that_is_gone_is_gone_from_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "health", lambda _name: Health.ABSENT)
    assert kind_module.read("shop-town", state(SPEC)).id == ""


def test_a_cluster_that_is_there_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "health", lambda _name: Health.HEALTHY)
    monkeypatch.setattr(kind, "kubeconfig", lambda _name: "the new one")
    monkeypatch.setattr(kind, "load_balancer_range", lambda _name: ("10.0.0.1", "10.0.0.9"))
    found = kind_module.read("shop-town", state(SPEC))
    assert (found.id, (found.outs or {})["kubeconfig"]) == ("shop-town", "the new one")


def test_removing_the_resource_removes_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(kind, "delete", removed.append)
    kind_module.delete("shop-town", state(SPEC))
    assert removed == ["shop-town"]
