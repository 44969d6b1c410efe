"""The schemas that manifests are checked by, made from a description of the API."""

from typing import Any

from toolchain import manifests

INTEGER_OR_TEXT = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
DESCRIBED: dict[str, Any] = {
    "io.k8s.Deployment": {
        "type": "object",
        "properties": {"spec": {"$ref": "#/definitions/io.k8s.Spec"}},
        "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}],
    },
    "io.k8s.Spec": {
        "type": "object",
        "properties": {
            "port": {"$ref": f"#/definitions/{INTEGER_OR_TEXT}"},
            "again": {"$ref": "#/definitions/io.k8s.Spec"},
        },
    },
    "io.k8s.Labels": {"type": "object", "additionalProperties": {"type": "string"}},
    INTEGER_OR_TEXT: {"type": "string", "format": "int-or-string"},
    "io.k8s.Role": {
        "type": "object",
        "properties": {"labels": {"type": "array", "items": {"$ref": "#/definitions/io.k8s.Labels"}}},
        "x-kubernetes-group-version-kind": [
            {"group": "rbac.authorization.k8s.io", "kind": "Role", "version": "v1"},
            {"group": "", "kind": "Role", "version": "v2"},
        ],
    },
}


def test_each_kind_has_a_schema_where_kubeconform_looks_for_it() -> None:
    """The first part of the group alone, and none for the core."""
    assert {name for name, _ in manifests.by_kind(DESCRIBED)} == {
        "deployment-apps-v1.json",
        "role-rbac-v1.json",
        "role-v2.json",
    }


def test_a_schema_holds_what_it_refers_to_and_no_more() -> None:
    found = dict(manifests.by_kind(DESCRIBED))
    assert found["deployment-apps-v1.json"]["$ref"] == "#/definitions/io.k8s.Deployment"
    assert found["deployment-apps-v1.json"]["definitions"].keys() == {
        "io.k8s.Deployment",
        "io.k8s.Spec",
        INTEGER_OR_TEXT,
    }
    assert found["role-v2.json"]["definitions"].keys() == {"io.k8s.Role", "io.k8s.Labels"}


def test_what_names_its_fields_takes_no_other() -> None:
    assert manifests.strictly("io.k8s.Spec", DESCRIBED["io.k8s.Spec"])["additionalProperties"] is False
    assert manifests.strictly("io.k8s.Labels", DESCRIBED["io.k8s.Labels"]) == DESCRIBED["io.k8s.Labels"]


def test_a_number_is_taken_where_the_api_server_takes_one() -> None:
    assert manifests.strictly(INTEGER_OR_TEXT, DESCRIBED[INTEGER_OR_TEXT]) == {"type": ["string", "number"]}
