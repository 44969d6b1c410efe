"""What each scanner says is read as findings; a scanner that looked at nothing is no clean bill."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from toolchain import manifests
from toolchain.audit import custom_resources, rendering, scanners
from toolchain.audit.findings import Finding
from toolchain.errors import ToolchainError

PLACES = {"/m/shop/Deployment-catalog.yaml": "Deployment/shop/catalog"}
FILE = next(iter(PLACES))


def checkov(**more: Any) -> str:
    failed = {"check_id": "CKV_K8S_23", "check_name": "Minimize root", "file_abs_path": FILE}
    results = {"failed_checks": [failed], "parsing_errors": []} | more
    return json.dumps({"summary": {"resource_count": 1}, "results": results})


def test_checkov_s_failed_checks_are_findings() -> None:
    found = Finding("checkov", "CKV_K8S_23", "Deployment/shop/catalog", "Minimize root")
    assert scanners.parse_checkov(checkov(), PLACES) == [found]


def test_a_file_that_checkov_cannot_read_is_a_finding() -> None:
    (found,) = scanners.parse_checkov(checkov(failed_checks=[], parsing_errors=[FILE]), PLACES)
    assert (found.rule, found.place) == ("unreadable", "Deployment/shop/catalog")


def test_checkov_that_looked_at_nothing_is_an_error() -> None:
    """It says this of a folder whose name begins with a dot, unless it is told otherwise."""
    with pytest.raises(ToolchainError, match="looked at nothing"):
        scanners.parse_checkov(json.dumps({"passed": 0, "failed": 0, "resource_count": 0}), {})


def score(grade: int, *, skipped: bool = False) -> str:
    check = {"id": "pod-probes", "comment": "Makes sure that pods have probes"}
    comments = [{"path": "catalog", "summary": "no readinessProbe", "description": ""}]
    checks = [{"check": check, "grade": grade, "skipped": skipped, "comments": comments}]
    return json.dumps([{"file_name": FILE, "checks": checks}])


@pytest.mark.parametrize("grade", [1, 5])
def test_what_kube_score_warns_of_is_a_finding(grade: int) -> None:
    found = Finding("kube-score", "pod-probes", "Deployment/shop/catalog", "catalog: no readinessProbe")
    assert scanners.parse_kube_score(score(grade), PLACES) == [found]


def test_what_kube_score_calls_good_or_leaves_out_is_none() -> None:
    assert scanners.parse_kube_score(score(10), PLACES) == []
    assert scanners.parse_kube_score(score(1, skipped=True), PLACES) == []


def test_a_secret_is_named_by_its_place_and_never_shown() -> None:
    listed = {"infra/x.py": [{"type": "Secret Keyword", "line_number": 3, "hashed_secret": "b1946ac9"}]}
    (found,) = scanners.parse_detect_secrets(json.dumps({"results": listed}))
    assert found == Finding("detect-secrets", "Secret Keyword", "infra/x.py", "line 3")


@pytest.mark.parametrize("first", ["#!/bin/sh\n", "#!/usr/bin/env bash\n", "#!/bin/sh -eu\n"])
def test_a_shell_script_is_known_by_its_first_line(first: str) -> None:
    assert scanners.is_shell(first.encode())
    assert not scanners.is_shell(b"#!/usr/bin/env python3\n# sh\n")
    assert not scanners.is_shell(b"\n" + first.encode())


DEFINITION: dict[str, Any] = {
    "kind": "CustomResourceDefinition",
    "spec": {
        "group": "example.test",
        "names": {"kind": "Flag"},
        "versions": [
            {
                "name": "v1",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "colour": {"type": "string", "nullable": True},
                                    "free": {
                                        "type": "object",
                                        "properties": {"a": {"type": "string"}},
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


def test_a_custom_resource_takes_the_fields_of_its_definition_alone() -> None:
    ((name, schema),) = custom_resources.by_version(DEFINITION)
    assert name == "flag-example-v1.json"
    spec = schema["properties"]["spec"]
    assert spec["additionalProperties"] is False
    assert spec["properties"]["colour"]["type"] == ["string", "null"]
    assert "additionalProperties" not in spec["properties"]["free"]
    assert schema["properties"].keys() == {"apiVersion", "kind", "metadata", "spec"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{colour: red, free: {b: 1}}", None),
        ("{colour: null}", None),
        ("{color: red}", "additional properties 'color' not allowed"),
        ("{colour: 7}", "got number, want null or string"),
    ],
)
def test_kubeconform_judges_a_custom_resource(tmp_path: Path, spec: str, said: str | None) -> None:
    tools.kubeconform()
    for name, schema in custom_resources.by_version(DEFINITION):
        (tmp_path / name).write_text(json.dumps(schema))
    text = f"apiVersion: example.test/v1\nkind: Flag\nmetadata: {{name: one}}\nspec: {spec}\n"
    found = manifests.problems(text, tmp_path)
    assert len(found) == (said is not None), found
    assert said is None or said in found[0]


def object_of(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


def test_each_object_is_a_file_under_its_namespace(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("left from before")
    role = object_of("ClusterRole", "system:metrics")
    written = rendering.write([role, object_of("Service", "catalog", "shop")], tmp_path)
    assert {file.relative_to(tmp_path).as_posix() for file in written} == {
        "_cluster/ClusterRole-system.metrics.yaml",
        "shop/Service-catalog.yaml",
    }
    assert [rendering.name(found) for found in written.values()] == [
        "ClusterRole/system:metrics",
        "Service/shop/catalog",
    ]
    assert not (tmp_path / "old.yaml").exists()


def test_an_object_that_two_places_make_is_refused(tmp_path: Path) -> None:
    twice = [object_of("Service", "catalog", "shop")] * 2
    with pytest.raises(ToolchainError, match="Service/shop/catalog is made twice"):
        rendering.write(twice, tmp_path)


def test_a_chart_s_objects_are_in_its_release_s_namespace() -> None:
    assert rendering.name(rendering.placed(object_of("Service", "a"), "shop")) == "Service/shop/a"
    assert rendering.name(rendering.placed(object_of("Service", "a", "data"), "shop")) == "Service/data/a"
    assert rendering.name(rendering.placed(object_of("ClusterRole", "a"), "shop")) == "ClusterRole/a"
