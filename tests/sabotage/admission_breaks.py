"""What is broken of admission and of the security contexts, and which live tests must notice."""

import json
from typing import Any

from tests.cluster.kube import Kube, eventually
from tests.cluster.lab import pod_spec
from tests.sabotage.breaking import Act, Break, Change, Object, command

BINDING = "validatingadmissionpolicybinding"
LEVEL = "pod-security.kubernetes.io/enforce"
_LAB = "test_lab_security.py::test_"
_CONTEXTS = "security-contexts"


def only_warns(rule: str) -> Change:
    """What breaks the rule is let in with a warning."""
    return Change(BINDING, "", f"blueprint-{rule}", lambda found: found["spec"].update(validationActions=["Warn"]))


def _let_in(kube: Kube, *arguments: str) -> None:
    """A kubectl command, once the API server has seen that the rule in its way only warns."""
    eventually("the command is let in", lambda: kube.attempt(*arguments).returncode == 0, seconds=30)


def _lower_level(kube: Kube) -> None:
    _let_in(kube, "label", "namespace", "lab", f"{LEVEL}=baseline", "--overwrite")


def _root_that_can_be_written(kube: Kube) -> None:
    place = "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem"
    patch = json.dumps([{"op": "replace", "path": place, "value": False}])
    _let_in(kube, "patch", "deployment", _CONTEXTS, "--namespace", "lab", "--type=json", "--patch", patch)
    kube.run("rollout", "status", f"deployment/{_CONTEXTS}", "--namespace", "lab", "--timeout=90s", seconds=100)


def _container(workload: Object, name: str) -> Object:
    found: Object = next(one for one in pod_spec(workload)["containers"] if one["name"] == name)
    return found


def _contexts(what: str, break_it: Any, test: str, *first: Change) -> Break:
    return Break("I8", what, [*first, Change("deployment", "lab", _CONTEXTS, break_it)], [f"{_LAB}{test}"])


def _of_the_pod(**fields: Any) -> Any:
    return lambda workload: pod_spec(workload)["securityContext"].update(fields)


def _of(container: str, **fields: Any) -> Any:
    return lambda workload: _container(workload, container)["securityContext"].update(fields)


ADMISSION = (
    Break(
        "D2 I9",
        "a rule only warns",
        [only_warns("no-token")],
        [
            "test_admission.py::test_a_bad_manifest_is_refused_at_its_stage[admission-policy:-a-token-by-default]",
            "test_admission.py::test_the_stages_of_the_api_server_refuse_one_after_the_other",
            "test_admission.py::test_every_rule_is_in_force",
        ],
    ),
    Break(
        "I9",
        "a namespace enforces a lower level",
        [
            only_warns("restricted-namespace"),
            Act(
                "lab/level",
                _lower_level,
                command("label", "namespace", "lab", f"{LEVEL}=restricted", "--overwrite"),
            ),
        ],
        ["test_admission.py::test_every_namespace_of_ours_is_restricted_or_says_why_not"],
    ),
    _contexts(
        "the container has no user of its own",
        lambda workload: _container(workload, "as-itself")["securityContext"].pop("runAsUser"),
        "a_process_is_who_its_security_context_says",
    ),
    _contexts(
        "the volume belongs to nobody's group",
        lambda workload: pod_spec(workload)["securityContext"].pop("fsGroup"),
        "files_in_a_volume_belong_to_the_pods_group",
    ),
    _contexts(
        "the capability is not added",
        _of("capable", capabilities={"drop": ["ALL"]}),
        "a_container_has_the_capabilities_that_it_adds_and_no_other",
    ),
    _contexts(
        "the usual profile is the one that refuses more",
        _of_the_pod(seccompProfile={"type": "Localhost", "localhostProfile": "blueprint/no-chmod.json"}),
        "the_default_seccomp_profile_refuses_what_no_ordinary_program_needs",
    ),
    _contexts(
        "the container asks for no level",
        lambda workload: _container(workload, "labelled")["securityContext"].pop("seLinuxOptions"),
        "an_selinux_level_reaches_the_process_only_where_selinux_enforces",
    ),
    Break(
        "I8",
        "the profile is the usual one",
        [
            Change(
                "deployment",
                "lab",
                "own-seccomp-profile",
                _of_the_pod(seccompProfile={"type": "RuntimeDefault", "localhostProfile": None}),
            )
        ],
        [f"{_LAB}a_profile_of_ones_own_refuses_what_it_names"],
    ),
    Break(
        "I8",
        "the root file system can be written",
        [
            only_warns("read-only-root"),
            Act(
                f"lab/{_CONTEXTS}",
                _root_that_can_be_written,
                command("rollout", "undo", f"deployment/{_CONTEXTS}", "--namespace", "lab"),
            ),
        ],
        [f"{_LAB}the_root_file_system_cannot_be_written"],
        alone=True,
    ),
)
