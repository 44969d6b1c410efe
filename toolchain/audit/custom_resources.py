"""JSON Schemas of the kinds that CustomResourceDefinitions add: the program's own, and those that Cilium installs."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from toolchain import go_modules

CILIUM_DEFINITIONS = "pkg/k8s/apis/cilium.io/client/crds"
Schema = dict[str, Any]


@contextmanager
def schemas_of(objects: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    """A folder of schemas, in the names that kubeconform looks for, while the body runs.

    Args:
        objects: among which the program's own definitions are.

    Raises:
        ToolchainError: Cilium's module cannot be had.
    """
    own = [found for found in objects if found["kind"] == "CustomResourceDefinition"]
    with tempfile.TemporaryDirectory(prefix="blueprint-schemas-") as scratch:
        for definition in [*_of_cilium(), *own]:
            for name, schema in by_version(definition):
                (Path(scratch) / name).write_text(json.dumps(schema))
        yield Path(scratch)


def _of_cilium() -> list[Schema]:
    """The operator installs them, so no manifest has them."""
    files = (go_modules.folder("github.com/cilium/cilium") / CILIUM_DEFINITIONS).rglob("*.yaml")
    return [yaml.safe_load(file.read_text()) for file in sorted(files)]


def by_version(definition: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """A strict schema for each version of a definition's kind, by the file in which kubeconform looks for it."""
    spec = definition["spec"]
    group = str(spec["group"]).partition(".")[0]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        schema["properties"] = {**schema.get("properties", {}), **known}
        yield f"{spec['names']['kind']}-{group}-{version['name']}.json".lower(), schema


def strict(schema: Any) -> Any:
    """The schema with no field beside those that it names, in the words of JSON Schema.

    Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    if isinstance(schema, list):
        return [strict(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(inner) for key, inner in schema.items()}
    if isinstance(made.get("properties"), dict) and "type" in made and not _open(made):
        made["additionalProperties"] = False
    if made.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _open(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or "additionalProperties" in schema
