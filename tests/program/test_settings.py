"""The stack configuration: its defaults, and what each bad value is answered with."""

from pathlib import Path

import pytest

from infra.settings import Settings, SettingsError, Target, from_file, from_pulumi, parse


def test_defaults_are_the_contract() -> None:
    found = parse({}, {}, "local")
    assert (found.target, found.cluster, found.workers) == (Target.KIND, "blueprint", 2)
    assert (found.gateway_port, found.registry_port) == (8080, 5001)


def test_environment_wins_over_the_file() -> None:
    found = parse({"cluster": "mine", "gatewayPort": 9000}, {"BLUEPRINT_CLUSTER": "other"}, "local")
    assert (found.cluster, found.gateway_port) == ("other", 9000)


def test_empty_environment_says_nothing() -> None:
    assert parse({}, {"BLUEPRINT_CLUSTER": ""}, "local").cluster == "blueprint"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gatewayport": 8080}, "blueprint:gatewayport: unknown key; known are: cluster, context, gatewayPort"),
        ({"gatewayPort": "eighty"}, "blueprint:gatewayPort = 'eighty'"),
        ({"gatewayPort": 80}, "greater than or equal to 1024"),
        ({"gatewayPort": 70000}, "less than or equal to 65535"),
        ({"gatewayPort": 5001}, "two ports"),
        ({"workers": 0}, "blueprint:workers = 0"),
        ({"workers": 2.5}, "blueprint:workers = 2.5"),
        ({"cluster": "My_Cluster"}, "blueprint:cluster = 'My_Cluster'"),
        ({"cluster": "a" * 40}, "blueprint:cluster"),
        ({"target": "minikube"}, "'kind' or 'existing'"),
        ({"target": "existing"}, "needs `kubeconfig` and `registry`"),
        ({"target": "existing", "kubeconfig": "x", "registry": "Bad Registry"}, "blueprint:registry"),
        ({"kubeconfig": "~/.kube/config"}, "target `kind` makes its own"),
    ],
)
def test_bad_values_are_refused_with_rule_and_remedy(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(values, {}, "local")
    assert message in str(refused.value)
    assert "remedy: correct Pulumi.local.yaml" in str(refused.value)


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        parse({"workers": 0, "nonsense": 1}, {}, "local")
    assert "blueprint:workers" in str(refused.value)
    assert "blueprint:nonsense" in str(refused.value)


def test_pulumi_gives_texts() -> None:
    assert from_pulumi({"blueprint:workers": "3", "other:key": "x"}, "local") == Settings(workers=3)


def test_shipped_stacks_are_valid() -> None:
    root = Path(__file__).parents[2]
    assert from_file(root, "local").target is Target.KIND
    assert from_file(root, "existing").target is Target.EXISTING


@pytest.mark.parametrize(
    ("content", "message"), [("config: [", "is no YAML"), ("config: 3", "a map of keys"), ("[]", "a map of keys")]
)
def test_bad_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text(content)
    with pytest.raises(SettingsError, match=message):
        from_file(tmp_path, "local")


def test_missing_stack_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}")
    with pytest.raises(SettingsError, match="use one of: local"):
        from_file(tmp_path, "nowhere")
