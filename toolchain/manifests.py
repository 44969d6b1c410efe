"""Checks manifests strictly against Kubernetes' own description of its API, in the version that the nodes run.

Owns the schemas: JSON Schema by kind, made from the OpenAPI description that ships inside the module k8s.io/kubernetes.
kubeconform does the checking.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolchain import go_modules, paths, programs
from toolchain.errors import ToolchainError
from toolchain.locking import locked

CHECK_SECONDS = 60
OPENAPI = "api/openapi-spec/swagger.json"
FORMAT = 1  # raised when other schemas are made from the same description
_ALSO_NUMBERS = ("io.k8s.apimachinery.pkg.util.intstr.IntOrString", "io.k8s.apimachinery.pkg.api.resource.Quantity")
"""The description says text, the API server takes numbers as well."""

Schema = dict[str, Any]


def problems(manifests: str, custom: Path | None = None) -> list[str]:
    """What is wrong with the objects of a YAML text, each with its object and place; empty when all are valid.

    A field that the API does not know is wrong, and so is a kind that it does not know.

    Args:
        manifests: the YAML text.
        custom: a folder with the schemas of further kinds, such as custom resources.

    Raises:
        ToolchainError: kubeconform or the description of the API cannot be had.
    """
    folders = [schemas(), *([custom] if custom else [])]
    locations = [f"-schema-location={folder / '{{.ResourceKind}}{{.KindSuffix}}.json'}" for folder in folders]
    command = [str(programs.ensure("kubeconform")), "-strict", "-output", "json", *locations]
    done = subprocess.run(command, input=manifests, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    if done.returncode not in (0, 1):  # 1 says that something is not valid
        raise ToolchainError(f"kubeconform failed: {done.stderr}", "it checks every object", "see above")
    return [f"{one['kind']} {one['name']}: {_rule(one['msg'])}" for one in json.loads(done.stdout)["resources"]]


def _rule(message: str) -> str:
    """What kubeconform says, without the place of the schema that it looked into."""
    return " ".join((message.partition("#' - ")[2] or message).split())


def schemas() -> Path:
    """The folder of the schemas, made once for a version of Kubernetes and kept in the cache.

    Raises:
        ToolchainError: the Go module proxy did not answer.
    """
    version = go_modules.version("k8s.io/kubernetes")
    folder = paths.cache() / "schemas" / f"kubernetes-{version}-{FORMAT}"
    with locked("schemas"):
        if not folder.is_dir():
            described = json.loads((go_modules.folder("k8s.io/kubernetes") / OPENAPI).read_text())["definitions"]
            folder.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
                made = Path(scratch) / "schemas"
                made.mkdir()
                for name, schema in by_kind(described):
                    (made / name).write_text(json.dumps(schema))
                made.rename(folder)
    return folder


def by_kind(described: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """A schema for each kind of the API, by the name of the file in which kubeconform looks for it."""
    strict = {name: strictly(name, schema) for name, schema in described.items()}
    for name, schema in described.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            needed = {inner: strict[inner] for inner in _reachable(name, strict)}
            group = f"{kind['group'].partition('.')[0]}-" if kind["group"] else ""
            place = f"{kind['kind']}-{group}{kind['version']}.json".lower()
            yield place, {"$ref": f"#/definitions/{name}", "definitions": needed}


def strictly(name: str, schema: Schema) -> Schema:
    """The definition with no field beside those that it names, and numbers where the API server takes them."""
    if name in _ALSO_NUMBERS:
        return {"type": ["string", "number"]}
    if "properties" in schema:
        return {"additionalProperties": False, **schema}
    return schema


def _reachable(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        here = ahead.pop()
        if here not in seen:
            seen.add(here)
            ahead += _references(definitions[here])
    return seen


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/definitions/")
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
