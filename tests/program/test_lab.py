"""The lab: every exhibit is restricted, small, says what it shows, and stands alone in its namespace."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.lab import configuration, jobs, limits, ownership, pods, probes, scheduling, security_contexts, services
from infra.lab.exhibit import CONCEPT, until_stopped
from tests.program.recording import Object, Recorded, Registered, is_secret
from toolchain import paths, proofs

POLL_SECONDS = 15
WAYS = ("command", "http", "tcp", "grpc")
CLUSTER_WIDE = {
    "kubernetes:scheduling.k8s.io/v1:PriorityClass",
    "kubernetes:cilium.io/v2:CiliumClusterwideNetworkPolicy",
}


@pytest.fixture
def exhibits(stack: Recorded) -> list[Registered]:
    """All that the lab makes in the cluster, for each target."""
    lab = stack.one("blueprint:lab:Lab").urn
    return [found for found in stack.kubernetes() if found.parent == lab]


def templates(exhibits: list[Registered]) -> dict[str, Object]:
    """The pod templates, those of CronJobs included, by the exhibit's name."""
    specs = [(one.name, one.inputs.get("spec", {})) for one in exhibits]
    inner = [(name, spec.get("jobTemplate", {}).get("spec", spec)) for name, spec in specs]
    return {name: spec["template"] for name, spec in inner if "template" in spec}


def containers(template: Object) -> list[Object]:
    """The init containers and the others."""
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def replicas(one: Registered) -> int:
    """How many pods an exhibit keeps at rest."""
    kind = one.type.rpartition(":")[2]
    kept = {"Deployment", "ReplicaSet", "ReplicationController"}
    return int(one.inputs["spec"].get("replicas", 1)) if kind in kept else 0


def test_every_exhibit_lies_in_the_lab_and_names_what_it_shows(exhibits: list[Registered]) -> None:
    known = proofs.concepts()
    for one in exhibits:
        metadata = one.inputs["metadata"]
        shown = metadata["annotations"][CONCEPT].split()
        assert shown and not set(shown) - set(known), one.name
        assert metadata.get("namespace") == (None if one.type in CLUSTER_WIDE else "lab"), one.name


def test_every_concept_of_the_lab_is_shown(exhibits: list[Registered]) -> None:
    shown = {identity for one in exhibits for identity in one.inputs["metadata"]["annotations"][CONCEPT].split()}
    assert {"C1", "C5", "C6", "C7", "C8", "C9", "C10", "C12", "C13", "C14", "C16", "D3"} <= shown
    assert {f"F{number}" for number in range(1, 11)} <= shown


def test_every_container_is_restricted_and_has_requests_and_a_limit(exhibits: list[Registered]) -> None:
    """Init containers and sidecars too: the `restricted` level asks it of them all."""
    for name, template in templates(exhibits).items():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        if name != security_contexts.OWN_PROFILE:
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(template):
            assert _common(container["securityContext"]) == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["requests"]["cpu"] == "5m", name
            assert "memory" in container["resources"]["limits"], name


def _common(context: Object) -> Object:
    """What no exhibit may differ in: beside it stand a user, a level, and the one capability that may be added."""
    own = {"runAsUser", "runAsGroup", "seLinuxOptions"}
    added = context["capabilities"].get("add", [])
    assert added in ([], [security_contexts.CAPABILITY])
    kept = {key: value for key, value in context.items() if key not in own}
    return kept | {"capabilities": {"drop": context["capabilities"]["drop"]}}


def test_the_profile_of_seccomp_is_named_only_where_the_nodes_have_it(
    kind_stack: Recorded, existing_stack: Recorded
) -> None:
    """A pod whose profile is not on its node does not start. The file is in the recipe of the nodes' image."""
    deployment = "kubernetes:apps/v1:Deployment"
    made = kind_stack.one(deployment, security_contexts.OWN_PROFILE).inputs["spec"]["template"]["spec"]
    profile = made["securityContext"]["seccompProfile"]
    assert profile == {"type": "Localhost", "localhostProfile": security_contexts.PROFILE}
    recipe = paths.ROOT / "images" / "recipes" / "node-base"
    file = recipe / "seccomp" / security_contexts.PROFILE.removeprefix("blueprint/")
    assert json.loads(file.read_text())["defaultAction"] == "SCMP_ACT_ALLOW"
    assert "/var/lib/kubelet/seccomp/blueprint" in (recipe / "adapt").read_text()
    assert security_contexts.OWN_PROFILE not in {one.name for one in existing_stack.of_type(deployment)}


def test_every_volume_that_is_mounted_is_there(exhibits: list[Registered]) -> None:
    for name, template in templates(exhibits).items():
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        for container in containers(template):
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(mounts.values()) <= volumes, name


def test_the_lab_is_small_and_stops_at_once(exhibits: list[Registered]) -> None:
    assert 15 < sum(map(replicas, exhibits)) <= 30
    assert {template["spec"]["terminationGracePeriodSeconds"] for template in templates(exhibits).values()} == {1}


def test_the_alias_leads_to_a_service_that_is_there(exhibits: list[Registered]) -> None:
    found = {one.inputs["metadata"]["name"] for one in exhibits if one.type.endswith(":Service")}
    name, namespace, *rest = services.ALIAS_TARGET.split(".")
    assert name in found
    assert (namespace, rest) == ("lab", ["svc", "cluster", "local"])


def test_what_depends_on_the_number_of_nodes_is_not_waited_for(exhibits: list[Registered]) -> None:
    """On a cluster of one node the second pod of `apart` waits for ever, and `pulumi up` must not."""
    workloads = [one for one in exhibits if one.name in templates(exhibits) and not one.type.endswith(":Service")]
    skipped = {one.name for one in workloads if "pulumi.com/skipAwait" in one.inputs["metadata"]["annotations"]}
    assert skipped == {"apart", "even", "daemon-set"}


def test_no_exhibit_fails_by_itself(stack: Recorded) -> None:
    """The Job that fails is made on request: its CronJob is suspended. A Job of ours that failed would fail `up`."""
    assert stack.one("kubernetes:batch/v1:CronJob", "fails").inputs["spec"]["suspend"] is True
    assert {one.name for one in stack.of_type("kubernetes:batch/v1:Job")} >= {"completions", "sidecar-ends"}


def test_a_native_sidecar_comes_after_the_preparation_and_is_waited_for() -> None:
    made: Any = pods.one_pod("image")
    first, sidecar = made.init_containers
    assert (first.name, first.restart_policy) == ("greeting", None)
    assert (sidecar.name, sidecar.restart_policy) == ("clock", "Always")
    assert sidecar.startup_probe is not None


def test_the_quota_has_room_for_all_exhibits(exhibits: list[Registered]) -> None:
    """And for the load generator and what the tests add."""
    hard: Any = limits.whole_lab().hard
    assert sum(map(replicas, exhibits)) * 2 < int(hard["pods"])


def test_the_low_priority_is_below_ordinary_pods_and_the_patient_one_evicts_nobody(stack: Recorded) -> None:
    classes = {one.name: one.inputs for one in stack.of_type("kubernetes:scheduling.k8s.io/v1:PriorityClass")}
    low, patient, high = (classes[name] for name in (scheduling.LOW, scheduling.PATIENT, scheduling.HIGH))
    assert low["value"] < 0 < patient["value"] < high["value"] < 1_000_000_000
    assert [one["preemptionPolicy"] for one in (low, patient, high)] == [
        "PreemptLowerPriority",
        "Never",
        "PreemptLowerPriority",
    ]
    assert not any(one.get("globalDefault") for one in classes.values())


def test_dependents_name_their_owner(stack: Recorded) -> None:
    for name in ownership.DEPENDENTS:
        one = stack.one("kubernetes:core/v1:ConfigMap", name)
        (reference,) = one.inputs["metadata"]["ownerReferences"]
        assert (reference["kind"], reference["name"]) == ("ConfigMap", ownership.OWNER)
        assert stack.one("kubernetes:core/v1:ConfigMap", ownership.OWNER).urn in stack.before(one)


def test_the_secret_is_kept_as_one_and_the_pinned_file_is_mounted_by_itself(stack: Recorded) -> None:
    secret = stack.one("kubernetes:core/v1:Secret", configuration.NAME)
    assert is_secret(secret.wire["stringData"])
    (container,) = stack.pod_specs()[configuration.NAME]["containers"]
    pinned = next(mount for mount in container["volumeMounts"] if mount["mountPath"] == configuration.PINNED)
    assert (pinned["name"], pinned["subPath"]) == ("files", configuration.GREETING)


def asked(how: str, action: Object) -> str:
    """Which question a probe's action asks."""
    match how:
        case "command":
            return str(action["command"][-1]).rpartition("/")[2]
        case "http":
            return str(action["path"]).removeprefix("/")
        case "tcp":
            return {port: name for name, port in probes.TCP_PORTS.items()}[action["port"]]
        case _:
            return str(action["service"])


@pytest.mark.parametrize("how", WAYS)
def test_each_way_to_ask_is_asked_three_questions(stack: Recorded, how: str) -> None:
    """Startup asks for `started`, readiness for `ready`, liveness for `alive`, all in the same way."""
    (container,) = stack.pod_specs()[f"probed-by-{how}"]["containers"]
    field = {"command": "exec", "http": "httpGet", "tcp": "tcpSocket", "grpc": "grpc"}[how]
    for kind, question in (("startup", "started"), ("readiness", "ready"), ("liveness", "alive")):
        probe = container[f"{kind}Probe"]
        assert asked(how, probe[field]) == question
        assert probe.keys() == {field, "periodSeconds", "failureThreshold", "timeoutSeconds"}


def test_the_scripts_listen_where_the_probes_ask() -> None:
    script = (probes.SCRIPTS / "answer.sh").read_text()
    for name, port in probes.TCP_PORTS.items():
        assert f"listen {port} {name} &" in script
    assert f'"PORT", "{probes.GRPC_PORT}"' in (probes.SCRIPTS / "health.py").read_text()


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + POLL_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The script of the exhibit that is asked by a command, held at its start, and its state folder."""
    (tmp_path / "hold").touch()
    (tmp_path / "alive").touch()
    shell = shutil.which("sh")
    assert shell
    script = subprocess.Popen(
        [shell, str(probes.SCRIPTS / "answer.sh"), "command"],
        env={**os.environ, "STATE": str(tmp_path)},
        start_new_session=True,
    )
    yield script, tmp_path
    os.killpg(script.pid, 9)
    script.wait()


def test_a_held_start_says_nothing_until_it_is_let_go(held: tuple[subprocess.Popen[bytes], Path]) -> None:
    """Not even what an earlier container left in the folder stands for it."""
    script, state = held
    eventually(lambda: not (state / "alive").exists())
    assert not (state / "started").exists()
    (state / "hold").unlink()
    eventually(lambda: all((state / name).exists() for name in probes.TCP_PORTS))
    assert script.poll() is None


def test_a_shell_stops_at_once_when_it_is_told_to() -> None:
    """Its handler is what makes the first process of a container hear the signal."""
    shell = subprocess.Popen(
        until_stopped("echo ready", "sleep infinity"), stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert shell.stdout and shell.stdout.readline() == b"ready\n"
        shell.terminate()
        assert shell.wait(timeout=POLL_SECONDS) == 0
    finally:
        with suppress(ProcessLookupError):  # what it ran beside itself may never have begun
            os.killpg(shell.pid, 9)
        assert shell.stdout
        shell.stdout.close()


def test_jobs_of_the_lab_have_limits() -> None:
    made: Any = jobs.fails("image")
    assert made.job_template.spec.backoff_limit == jobs.BACKOFF_LIMIT == 1
    indexed: Any = jobs.indexed_job("image")
    assert (indexed.completions, indexed.parallelism, indexed.completion_mode) == (4, 2, "Indexed")
