"""Configuration, kubeconfig, release inputs, errors, launcher."""

import base64
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolchain.kubernetes_plugin import config, install, kubeconfig
from toolchain.kubernetes_plugin.client import retryable
from toolchain.kubernetes_plugin.errors import ApiError, PluginError, UnreachableError
from toolchain.kubernetes_plugin.helm import arguments
from toolchain.kubernetes_plugin.values import UNKNOWN

DOCUMENT: dict[str, Any] = {
    "current-context": "one",
    "contexts": [{"name": n, "context": {"cluster": n, "user": "u", "namespace": f"ns-{n}"}} for n in ("one", "two")],
    "clusters": [{"name": n, "cluster": {"server": f"https://{n}"}} for n in ("one", "two")],
    "users": [{"name": "u", "user": {"token": "t"}}],
}


def test_kubeconfig_by_content_and_by_path(tmp_path: Path) -> None:
    text = yaml.safe_dump(DOCUMENT)
    (tmp_path / "config").write_text(text)
    for given in (text, str(tmp_path / "config"), json.dumps(DOCUMENT)):
        access = kubeconfig.load(given)
        assert (access.server, access.namespace) == ("https://one", "ns-one")
        assert access.headers() == {"Authorization": "Bearer t"}


def test_context_is_chosen() -> None:
    assert kubeconfig.load(json.dumps(DOCUMENT), context="two").server == "https://two"


@pytest.mark.parametrize(
    "text", ["/no/such/file", "a: [", json.dumps(DOCUMENT | {"current-context": "three"}), "- a\n- b"]
)
def test_bad_kubeconfigs_are_unreachable_clusters(text: str) -> None:
    with pytest.raises(UnreachableError):
        kubeconfig.load(text)


def test_exec_credential(tmp_path: Path) -> None:
    program = tmp_path / "credentials"
    program.write_text('#!/bin/sh\necho \'{"status": {"token": "from-program"}}\'\n')
    program.chmod(0o755)
    token, _ = kubeconfig.run_credential_program({"command": str(program)})
    assert token == "from-program"
    with pytest.raises(UnreachableError, match="gave no token"):
        kubeconfig.run_credential_program({"command": "false"})


def test_basic_authentication() -> None:
    document = DOCUMENT | {"users": [{"name": "u", "user": {"username": "a", "password": "b"}}]}
    expected = "Basic " + base64.b64encode(b"a:b").decode()
    assert kubeconfig.load(json.dumps(document)).headers() == {"Authorization": expected}


@pytest.mark.parametrize(
    ("inputs", "word"),
    [
        ({"renderYamlToDirectory": "x"}, "renders nothing"),
        ({"enableServerSideApply": "false"}, "server-side apply"),
        ({"kubeConfig": "x"}, "is not a setting"),
        ({"kubeClientSettings": '{"qqs": 1}'}, "not one of"),
        ({"helmReleaseSettings": "{"}, "not a JSON object"),
    ],
)
def test_bad_provider_settings(inputs: dict[str, Any], word: str) -> None:
    assert any(word in reason for _, reason in config.failures(inputs))


def test_good_provider_settings() -> None:
    inputs = {
        "kubeconfig": UNKNOWN,
        "enableServerSideApply": "true",
        "kubeClientSettings": '{"timeout": 5}',
        "version": "4",
    }
    assert config.failures(inputs) == []
    assert config.kubeconfig_unknown(inputs)
    assert config.parse(inputs).timeout == 5


def test_flags_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_PATCH_FORCE", "true")
    assert config.parse({}).patch_force
    assert not config.parse({"enablePatchForce": "false"}).patch_force


def test_identity_is_the_server_or_the_identifier() -> None:
    other = json.loads(json.dumps(DOCUMENT))
    other["users"][0]["user"]["token"] = "renewed"
    assert config.identity({"kubeconfig": json.dumps(DOCUMENT)}) == config.identity({"kubeconfig": json.dumps(other)})
    assert config.identity({"kubeconfig": "x", "clusterIdentifier": "c"}) == ("identifier", "c")
    assert config.identity({"kubeconfig": UNKNOWN}) is None


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (429, {}, True),
        (503, {}, True),
        (500, {"message": 'failed calling webhook "x"'}, True),
        (500, {"message": "boom"}, False),
        (409, {"reason": "Conflict"}, True),
        (409, {"reason": "Conflict", "details": {"causes": [{"reason": "FieldManagerConflict"}]}}, False),
        (409, {"reason": "AlreadyExists"}, False),
        (404, {}, False),
    ],
)
def test_which_answers_are_tried_again(code: int, body: dict[str, Any], expected: bool) -> None:
    assert retryable(ApiError(code, body, "GET /")) is expected


def test_immutable_answers() -> None:
    assert ApiError(422, {"message": "spec.selector: field is immutable"}, "").immutable
    assert not ApiError(422, {"message": "spec.replicas: must be positive"}, "").immutable


def release(**more: Any) -> dict[str, Any]:
    return {"name": "r", "namespace": "n", "chart": "c", **more}


def test_install_command() -> None:
    line = arguments.command("install", release(atomic=True, createNamespace=True, version="1"), Path("v"), 7)
    assert line[:3] == ["install", "r", "c"]
    assert {"--rollback-on-failure", "--create-namespace", "--wait=legacy", "--version"} <= set(line)
    assert line[line.index("--timeout") + 1] == "7s"


def test_upgrade_is_declarative_unless_values_are_reused() -> None:
    assert "--reset-values" in arguments.command("upgrade", release(), Path("v"), 0)
    assert "--reset-values" not in arguments.command("upgrade", release(reuseValues=True), Path("v"), 0)


def test_skip_await() -> None:
    assert "--wait=legacy" not in arguments.command("upgrade", release(skipAwait=True), Path("v"), 0)


@pytest.mark.parametrize("inputs", [release(postrender="cat"), release(frobnicate=1), {"name": "r"}])
def test_unsupported_release_inputs(inputs: dict[str, Any]) -> None:
    with pytest.raises(PluginError):
        arguments.refuse_unsupported(inputs)


def test_checksum_follows_content_values_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("a")
    inputs = release(chart=str(tmp_path), values={"a": 1})
    first = arguments.checksum(inputs)
    assert first == arguments.checksum(inputs | {"timeout": 1})
    assert first != arguments.checksum(inputs | {"values": {"a": 2}})
    (tmp_path / "Chart.yaml").write_text("b")
    assert first != arguments.checksum(inputs)


def test_launcher_is_executable_and_replaced(tmp_path: Path) -> None:
    launcher = install(tmp_path / "bin", Path(sys.executable))
    assert launcher == install(tmp_path / "bin", Path(sys.executable))
    assert launcher.stat().st_mode & stat.S_IXUSR
    assert [path.name for path in launcher.parent.iterdir()] == ["pulumi-resource-kubernetes"]
