"""What is broken of personas, tokens and the issuer, and which live tests must notice."""

from tests.sabotage.admission_breaks import only_warns
from tests.sabotage.breaking import Act, Break, Change, command, replicas

_LEAK = "sabotage-leak"
_RBAC = "test_rbac.py::test_"
_CELLS, _DECLARED = f"{_RBAC}every_cell_of_the_table_holds_both_ways", f"{_RBAC}nobody_has_a_right_that_is_not_declared"

IDENTITY = (
    Break(
        "I4",
        "a labelled role lets the auditor read Secrets",
        [
            Act(_LEAK, command("create", "clusterrole", _LEAK, "--verb=get", "--resource=secrets"), lambda _: None),
            Act(
                f"{_LEAK}-label",
                command("label", "clusterrole", _LEAK, "blueprint/aggregate-to-auditor=true"),
                command("delete", "clusterrole", _LEAK),
            ),
        ],
        [f"{_CELLS}[auditor by service account]", f"{_DECLARED}[auditor by service account]"],
    ),
    Break(
        "I4",
        "the release bot is bound to nothing in edge",
        [Change("rolebinding", "edge", "blueprint:release-bot", lambda found: found.update(subjects=[]))],
        [f"{_CELLS}[release-bot by service account]", f"{_DECLARED}[release-bot by service account]"],
    ),
    Break(
        "I4",
        "a developer's patch of a Deployment is not kept to a restart",
        [only_warns("restarts-only")],
        ["test_personas_at_work.py::test_a_developer_s_patch_is_kept_to_a_restart[client certificate-_with_secret]"],
    ),
    Break(
        "I1",
        "a pod has a token that it does not need",
        [
            only_warns("no-token"),
            Change(
                "deployment",
                "lab",
                "echo",
                lambda found: found["spec"]["template"]["spec"].update(automountServiceAccountToken=True),
            ),
        ],
        ["test_identity.py::test_no_pod_mounts_a_token_that_it_does_not_need"],
    ),
    Break(
        "I2",
        "the issuer is gone",
        [replicas("deployment", "identity", "issuer", usual=2)],
        ["test_identity.py::test_a_token_of_the_issuer_is_accepted[auditor]"],
    ),
)
