"""What the control plane is told: the files' content, the folder that holds them, and rotating the key among them."""

import base64
import hashlib
import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.lib import certificates
from toolchain import paths
from toolchain.control_plane import audit, configuration, encryption, folder, keys, kubeadm, server
from toolchain.control_plane.encryption import Key
from toolchain.errors import ToolchainError

NAME = "shop"
AUTHORITY = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
OLD, NEW = Key("key1", "b2xk"), Key("key2", "bmV3")
Object = dict[str, Any]


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)


def _parsed(name: str) -> Any:
    return yaml.safe_load(configuration.files(AUTHORITY)[name])


def test_the_issuer_is_trusted_by_the_stack_s_authority_alone() -> None:
    (trusted,) = _parsed("authentication.yaml")["jwt"]
    assert trusted["issuer"] == {
        "url": "https://issuer.identity.svc",
        "audiences": ["blueprint"],
        "certificateAuthority": AUTHORITY,
    }


def test_the_authority_is_allowed_to_vouch_for_the_issuer() -> None:
    assert certificates.subject_names([configuration.ISSUER_HOST, configuration.ISSUER_ADDRESS])


def test_the_issuer_cannot_name_a_user_or_a_group_of_kubernetes_own() -> None:
    (trusted,) = _parsed("authentication.yaml")["jwt"]
    (rule,) = trusted["userValidationRules"]
    assert rule["expression"] == "user.username != 'oidc:'", "whose `sub` is null or empty is nobody"
    assert trusted["claimMappings"] == {
        "username": {"claim": "sub", "prefix": "oidc:"},
        "groups": {"claim": "groups", "prefix": "oidc:"},
    }


def test_who_shows_nothing_may_ask_for_health_and_where_to_join() -> None:
    anonymous = _parsed("authentication.yaml")["anonymous"]
    assert anonymous["enabled"] is True
    assert [one["path"] for one in anonymous["conditions"]] == [
        *("/livez", "/readyz", "/healthz"),
        "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    ]


def test_abac_is_asked_last_and_every_authorizer_has_the_name_that_is_demanded() -> None:
    asked = _parsed("authorization.yaml")["authorizers"]
    assert [(one["type"], one["name"]) for one in asked] == [("Node", "node"), ("RBAC", "rbac"), ("ABAC", "abac")]


def test_abac_lets_one_user_read_in_one_namespace() -> None:
    policies = [json.loads(line) for line in configuration.files(AUTHORITY)["abac.jsonl"].splitlines()]
    assert [policy["spec"] for policy in policies] == [
        {"user": "abac-reader", "namespace": "lab", "resource": resource, "readonly": True}
        for resource in ("pods", "configmaps")
    ]
    assert not any("*" in json.dumps(policy) or "group" in policy["spec"] for policy in policies)


def _level(group: str, resource: str, verb: str, user: str = "somebody", groups: Sequence[str] = ()) -> str:
    """The level at which the policy logs a request, as the API server decides: by the first rule that matches."""
    for rule in _parsed("audit.yaml")["rules"]:
        by_user = user in rule.get("users", [user]) and set(rule.get("userGroups", groups or [""])) & set(
            groups or [""]
        )
        by_verb = verb in rule.get("verbs", [verb])
        by_resource = "resources" not in rule or any(
            one["group"] == group and resource in one.get("resources", [resource]) for one in rule["resources"]
        )
        if by_user and by_verb and by_resource and "nonResourceURLs" not in rule:
            return str(rule["level"])
    return "None"


@pytest.mark.parametrize(
    ("group", "resource", "verb", "level"),
    [
        ("", "pods", "create", "Metadata"),
        ("", "pods", "get", "Metadata"),
        ("", "secrets", "create", "Metadata"),
        ("", "configmaps", "update", "Metadata"),
        ("", "serviceaccounts/token", "create", "Metadata"),
        ("authentication.k8s.io", "tokenreviews", "create", "Metadata"),
        ("rbac.authorization.k8s.io", "rolebindings", "create", "Request"),
        ("rbac.authorization.k8s.io", "rolebindings", "list", "Metadata"),
        ("networking.k8s.io", "networkpolicies", "delete", "Request"),
        ("cilium.io", "ciliumnetworkpolicies", "patch", "Request"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies", "update", "Request"),
        ("coordination.k8s.io", "leases", "update", "Metadata"),
    ],
)
def test_bodies_are_logged_of_changed_rules_and_of_nothing_secret(
    group: str, resource: str, verb: str, level: str
) -> None:
    assert _level(group, resource, verb) == level


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("system:node:shop-worker", ["system:nodes", "system:authenticated"]),
        ("system:kube-scheduler", ["system:authenticated"]),
        ("system:serviceaccount:kube-system:cilium-operator", ["system:serviceaccounts:kube-system"]),
    ],
)
def test_heartbeats_are_not_logged_and_whatever_else_their_senders_do_is(user: str, groups: list[str]) -> None:
    assert _level("coordination.k8s.io", "leases", "update", user, groups) == "None"
    assert _level("", "secrets", "get", user, groups) == "Metadata"


def test_the_log_is_bounded() -> None:
    flags = kubeadm.flags()
    assert flags["audit-log-path"] == audit.LOG
    sizes = {name: int(flags[f"audit-log-{name}"]) for name in ("maxage", "maxbackup", "maxsize")}
    assert sizes == {"maxage": 7, "maxbackup": 5, "maxsize": 50}


def test_every_file_that_a_flag_names_is_there() -> None:
    folder.make(NAME, configuration.files(AUTHORITY))
    named = [value.removeprefix(f"{kubeadm.MOUNT}/") for value in kubeadm.flags().values() if kubeadm.MOUNT in value]
    assert len(named) == 5
    assert all((folder.path(NAME) / name).is_file() for name in named)


def test_the_api_server_sees_its_files_where_the_node_does_and_cannot_write_them() -> None:
    cluster, init = (yaml.safe_load(patch) for patch in kubeadm.patches())
    files, log = cluster["apiServer"]["extraVolumes"]
    assert (files["hostPath"], files["mountPath"], files["readOnly"]) == (kubeadm.MOUNT, kubeadm.MOUNT, True)
    assert audit.LOG.startswith(f"{log['mountPath']}/") and log["readOnly"] is False
    assert kubeadm.kind_mount("/somewhere") == {
        "hostPath": "/somewhere",
        "containerPath": kubeadm.MOUNT,
        "readOnly": True,
    }
    assert init["patches"]["directory"] == f"{kubeadm.MOUNT}/patches"


def test_the_scheduler_and_the_controllers_show_metrics_to_who_may_and_a_certificate_that_can_be_checked() -> None:
    """Open to every address, and guarded: nobody is let past the API server's judgement but for health."""
    cluster, _init = (yaml.safe_load(patch) for patch in kubeadm.patches())
    for part in ("scheduler", "controllerManager"):
        told = cluster[part]["extraArgs"]
        assert told["bind-address"] == "0.0.0.0"  # noqa: S104
        assert told["tls-cert-file"] == "/etc/kubernetes/pki/apiserver.crt"
        assert not [flag for flag in told if flag.startswith(("authorization", "authentication"))]
    mounted = cluster["scheduler"]["extraVolumes"]
    assert [one["mountPath"].rpartition("/")[2] for one in mounted] == ["apiserver.crt", "apiserver.key"]
    assert all(one["readOnly"] and one["pathType"] == "File" for one in mounted), "not the authority's own key"


def test_etcd_shows_metrics_at_a_port_that_serves_nothing_else() -> None:
    """Its other port would want a certificate that opens every object, Secrets among them."""
    cluster, _init = (yaml.safe_load(patch) for patch in kubeadm.patches())
    assert cluster["etcd"]["local"]["extraArgs"] == {"listen-metrics-urls": "http://0.0.0.0:2381"}


def test_the_api_server_knows_the_issuer_without_dns() -> None:
    folder.make(NAME, {})
    patch = yaml.safe_load(folder.read(NAME, "patches/kube-apiserver0+strategic.yaml"))
    assert patch["spec"]["hostAliases"] == [{"ip": "10.96.0.20", "hostnames": ["issuer.identity.svc"]}]


def test_two_name_servers_are_never_on_one_node() -> None:
    """Whatever is ready when they are placed: a second one waits for another node, and does not count the old ones."""
    folder.make(NAME, {})
    patch = yaml.safe_load(folder.read(NAME, "patches/corednsdeployment0+strategic.yaml"))
    (spread,) = patch["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "DoNotSchedule")
    assert (spread["maxSkew"], spread["matchLabelKeys"]) == (1, ["pod-template-hash"])
    assert spread["labelSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def test_the_owner_alone_can_read_the_folder() -> None:
    folder.make(NAME, configuration.files(AUTHORITY))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder.path(NAME), *folder.path(NAME).rglob("*")]}
    assert len(modes) > 6
    assert {oct(mode) for path, mode in modes.items() if path.is_dir()} == {"0o700"}
    assert {oct(mode) for path, mode in modes.items() if path.is_file()} == {"0o600"}


def test_a_file_is_replaced_at_once_and_a_half_written_one_of_before_is_no_hindrance() -> None:
    folder.make(NAME, {"audit.yaml": "old"})
    (folder.path(NAME) / "audit.new").write_text("half")
    before = (folder.path(NAME) / "audit.yaml").stat().st_ino
    folder.write(NAME, {"audit.yaml": "new"})
    assert folder.read(NAME, "audit.yaml") == "new"
    assert (folder.path(NAME) / "audit.yaml").stat().st_ino != before
    assert not (folder.path(NAME) / "audit.new").exists()


def test_another_cluster_of_the_name_gets_another_key() -> None:
    folder.make(NAME, {})
    first = folder.read(NAME, encryption.FILE)
    folder.make(NAME, {})
    assert folder.read(NAME, encryption.FILE) != first


def test_the_folder_goes_and_may_be_gone_already() -> None:
    folder.make(NAME, {})
    folder.remove(NAME)
    folder.remove(NAME)
    with pytest.raises(ToolchainError, match="is not there"):
        folder.read(NAME, encryption.FILE)


def test_only_secrets_are_encrypted_by_the_first_key_and_what_is_in_the_clear_stays_readable() -> None:
    (rule,) = yaml.safe_load(encryption.render([NEW, OLD]))["resources"]
    assert rule["resources"] == ["secrets"]
    secretbox, identity = rule["providers"]
    assert [key["name"] for key in secretbox["secretbox"]["keys"]] == ["key2", "key1"]
    assert identity == {"identity": {}}


def test_keys_are_read_back_as_they_were_written() -> None:
    assert encryption.parse(encryption.render([NEW, OLD])) == [NEW, OLD]


@pytest.mark.parametrize("text", ["", "a: [", "resources: []", "resources: [{providers: [{identity: {}}]}]"])
def test_a_file_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(ToolchainError, match="only `blueprint encryption-key` writes it"):
        encryption.parse(text)


def test_a_new_key_comes_first_has_32_random_bytes_and_a_name_that_was_never_used() -> None:
    made = encryption.with_new_key([Key("key7", "x")])
    assert [key.name for key in made] == ["key8", "key7"]
    assert len(base64.b64decode(made[0].secret)) == 32
    assert encryption.with_new_key([])[0].secret != encryption.with_new_key([])[0].secret


def test_a_key_shows_its_name_and_nothing_of_its_secret() -> None:
    assert "b2xk" not in repr(OLD)


@pytest.mark.parametrize("used", [set(), {"key2"}, {"key2", "none"}])
def test_old_keys_go_when_nothing_needs_them(used: set[str]) -> None:
    assert encryption.without_old_keys([NEW, OLD], used) == [NEW]


def test_a_key_that_is_needed_stays_and_the_remedy_is_named() -> None:
    with pytest.raises(ToolchainError) as refused:
        encryption.without_old_keys([NEW, OLD], {"key1", "key2"})
    assert refused.value.value == "Secrets are encrypted with key1"
    assert "encryption-key rewrite" in refused.value.remedy


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"k8s:enc:secretbox:v1:key12:\x00\xff:more", "key12"),
        (b"k8s\x00\n\x0c\n\x02v1\x12\x06Secret", "none"),
        (b"text that holds k8s:enc:secretbox:v1:key1: within", "none"),
        (b"", "none"),
    ],
)
def test_a_value_of_etcd_tells_its_key(value: bytes, name: str) -> None:
    assert encryption.key_of(value) == name


@dataclass
class FakeNode:
    """The control plane's node: an API server that reads its files, and etcd beside it.

    Attributes:
        secrets: etcd's values, by their names.
        keys_in_force: the digest of the keys' file by which the API server goes.
        stubborn: a Secret that somebody changes whenever it is to be written.
        manifest: that of the API server's pod.
        process: the control group of its process; empty while there is none.
        refuses: a text that no file may hold, else the API server does not start.
    """

    secrets: dict[str, bytes] = field(default_factory=dict)
    keys_in_force: str = ""
    stubborn: str = ""
    manifest: str = "metadata: {name: kube-apiserver}\n"
    scratch: str = ""
    process: str = f"0::/kubelet/kubepods/burstable/pod{'1' * 32}/abc"
    refuses: str = "nothing"
    now: float = 0.0

    def run(self, command: Sequence[str], *, stdin: str | None = None, **_options: object) -> str:
        """What `toolchain.shell.run` would give."""
        docker, execute, *rest = command
        node, *inside = [word for word in rest if word != "-i"]
        assert (docker, execute, node) == ("docker", "exec", f"{NAME}-control-plane")
        assert ("-i" in rest[:1]) is (stdin is not None)
        match inside:
            case ["curl", *_, "--data", request, "https://127.0.0.1:2379/v3/kv/range"]:
                return self._range(json.loads(request))
            case ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "--raw", "/metrics"]:
                return (
                    'apiserver_authentication_config_controller_last_config_info{hash="sha256:0"} 1\n'
                    "apiserver_encryption_config_controller_last_config_info"
                    f'{{apiserver_id_hash="sha256:1",hash="sha256:{self.keys_in_force}"}} 1\n'
                )
            case ["kubectl", *_, "/readyz"]:
                if not self.process:
                    raise ToolchainError("refused", "it answers", "wait")
            case ["sh", "-c", "cat /proc/$(pidof kube-apiserver)/cgroup 2>/dev/null || true"]:
                return self.process
            case ["sh", "-c", _]:
                self._write_all_again()
            case ["cat", "/etc/kubernetes/manifests/kube-apiserver.yaml"]:
                return self.manifest
            case ["cp", "/dev/stdin", "/etc/kubernetes/kube-apiserver.new"]:
                self.scratch = stdin or ""
            case ["mv", "/etc/kubernetes/kube-apiserver.new", "/etc/kubernetes/manifests/kube-apiserver.yaml"]:
                self._start_anew(self.scratch)
            case _:
                raise AssertionError(f"docker {inside}")
        return ""

    def _start_anew(self, manifest: str) -> None:
        """What the kubelet does with a manifest that changed: its hash is the pod's UID."""
        assert manifest != self.manifest
        self.manifest = manifest
        texts = [file.read_text() for file in folder.path(NAME).glob("*.*")]
        uid = hashlib.md5(manifest.encode(), usedforsecurity=False).hexdigest()
        starts = not any(self.refuses in text for text in texts)
        self.process = f"0::/kubelet/kubepods/burstable/pod{uid}/abc" if starts else ""

    def _range(self, request: dict[str, str]) -> str:
        first, end = (base64.b64decode(request[key]).decode() for key in ("key", "range_end"))
        found = {name: value for name, value in self.secrets.items() if first <= name < end}
        coded = [
            {"key": base64.b64encode(name.encode()).decode(), "value": base64.b64encode(value).decode()}
            for name, value in found.items()
        ]
        return json.dumps({"kvs": coded} if coded else {})

    def _write_all_again(self) -> None:
        first = encryption.parse(folder.read(NAME, encryption.FILE))[0]
        for name in self.secrets:
            if name != self.stubborn:
                self.secrets[name] = _stored_with(first.name)

    def sleep(self, seconds: float) -> None:
        """Time passes, and the API server looks at its keys."""
        self.now += seconds
        if self.now > 30:
            self.keys_in_force = _digest()

    def monotonic(self) -> float:
        return self.now


def _digest() -> str:
    return hashlib.sha256(folder.read(NAME, encryption.FILE).encode()).hexdigest()


def _stored_with(key: str) -> bytes:
    return f"k8s:enc:secretbox:v1:{key}:".encode() + b"\x00noise"


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeNode:
    """A node with two Secrets, encrypted with the first key."""
    fake = FakeNode({f"/registry/secrets/shop/{name}": _stored_with("key1") for name in ("one", "two")})
    monkeypatch.setattr(server, "run", fake.run)
    monkeypatch.setattr(server, "time", fake)
    monkeypatch.setattr(paths, "cache", lambda: tmp_path)
    folder.make(NAME, configuration.files(AUTHORITY))
    fake.keys_in_force = _digest()
    return fake


def test_a_rotation_from_the_first_step_to_the_last(node: FakeNode) -> None:
    assert keys.show(NAME) == {"key1": 2}
    assert keys.add(NAME) == "key2"
    assert keys.show(NAME) == {"key2": 0, "key1": 2}
    assert keys.rewrite(NAME) == 2
    assert keys.drop(NAME) == ["key1"]
    assert keys.show(NAME) == {"key2": 2}


def test_a_new_key_is_told_when_the_api_server_goes_by_it(node: FakeNode) -> None:
    keys.add(NAME)
    assert node.keys_in_force == _digest() and node.now > 30


def test_an_api_server_that_does_not_take_the_keys_is_told_with_the_deadline(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "sleep", lambda seconds: setattr(node, "now", node.now + seconds))
    with pytest.raises(ToolchainError, match=r"does not take encryption\.yaml \(150 s\)"):
        keys.add(NAME)
    assert [key.name for key in encryption.parse(folder.read(NAME, encryption.FILE))] == ["key2", "key1"]


def test_no_key_is_dropped_that_a_secret_needs(node: FakeNode) -> None:
    keys.add(NAME)
    with pytest.raises(ToolchainError, match="Secrets are encrypted with key1"):
        keys.drop(NAME)
    assert keys.show(NAME) == {"key2": 0, "key1": 2}


def test_secrets_in_the_clear_are_counted_and_rewritten(node: FakeNode) -> None:
    node.secrets["/registry/secrets/shop/plain"] = b"k8s\x00plain"
    assert keys.show(NAME) == {"key1": 2, "none": 1}
    assert keys.rewrite(NAME) == 3
    assert keys.show(NAME) == {"key1": 3}


def test_a_secret_that_cannot_be_rewritten_is_named(node: FakeNode) -> None:
    node.stubborn = "/registry/secrets/shop/one"
    keys.add(NAME)
    with pytest.raises(ToolchainError, match="not encrypted with key2 yet: /registry/secrets/shop/one"):
        keys.rewrite(NAME)


def test_other_namespaces_prefixes_are_not_mixed_up(node: FakeNode) -> None:
    node.secrets["/registry/secretsofothers/x"] = b"plain"
    assert keys.stored(NAME, keys.SECRETS).keys() == {"/registry/secrets/shop/one", "/registry/secrets/shop/two"}


def test_changed_files_come_into_force_with_another_pod_and_leave_the_keys_alone(node: FakeNode) -> None:
    before = folder.read(NAME, encryption.FILE)
    old = configuration.files(AUTHORITY)
    server.update(NAME, old, old | {"audit.yaml": "more"})
    assert node.process and "1" * 32 not in node.process
    assert folder.read(NAME, "audit.yaml") == "more"
    assert folder.read(NAME, encryption.FILE) == before


def test_files_that_the_api_server_does_not_start_with_are_put_back(node: FakeNode) -> None:
    """And the kubelet is told to start it as it was."""
    node.refuses = "nonsense"
    old = configuration.files(AUTHORITY)
    with pytest.raises(ToolchainError, match="did not come back"):
        server.update(NAME, old, old | {"audit.yaml": "nonsense"})
    assert folder.read(NAME, "audit.yaml") == old["audit.yaml"]
    assert node.process


def test_an_api_server_that_is_down_is_started(node: FakeNode) -> None:
    node.process = ""
    server.restart(NAME)
    assert node.process


def test_the_pod_is_made_anew_each_time_and_keeps_all_else(node: FakeNode) -> None:
    """A process that ends again and again would be made to wait by the kubelet."""
    server.restart(NAME)
    first = node.process
    server.restart(NAME)
    assert node.process != first
    assert yaml.safe_load(node.manifest)["metadata"]["name"] == "kube-apiserver"
