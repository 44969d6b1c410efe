"""The kinds that edge routing adds to the API: their definitions as they ship inside the Go modules that Contour is of.

Owns reading them. Which of them a cluster gets, and when, is the program's matter.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from toolchain import go_modules
from toolchain.errors import ToolchainError

LOCKED_BY = "contour"
GATEWAY_API = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
"""Of the Gateway API's standard channel what Contour reads here."""
CONTOUR = ("httpproxies", "tlscertificatedelegations")
"""Of Contour's own kinds those that it does not start without."""
Definition = dict[str, Any]


def edge() -> list[Definition]:
    """The CustomResourceDefinitions of the Gateway API and of Contour, each of the version that Contour was built with.

    Raises:
        ToolchainError: the Go module proxy did not answer, or a module ships other files than its version did.
    """
    gateway_api = go_modules.folder("sigs.k8s.io/gateway-api", LOCKED_BY) / "config" / "crd" / "standard"
    contour = go_modules.folder("github.com/projectcontour/contour", LOCKED_BY) / "examples" / "contour"
    files = [gateway_api / f"gateway.networking.k8s.io_{name}.yaml" for name in GATEWAY_API]
    named = [f"{name}.gateway.networking.k8s.io" for name in GATEWAY_API]
    return [
        *chosen(files, named),
        *chosen([contour / "01-crds.yaml"], [f"{name}.projectcontour.io" for name in CONTOUR]),
    ]


def chosen(files: Iterable[Path], names: Iterable[str]) -> list[Definition]:
    """The definitions of these names out of YAML files, in the names' order, without their descriptions.

    Raises:
        ToolchainError: a file is not there, or a name is in none of them.
    """
    found = {one["metadata"]["name"]: one for file in files for one in _documents(file)}
    missing = [name for name in names if name not in found]
    if missing:
        raise ToolchainError(
            f"no definition of {', '.join(missing)}",
            "the Go modules that toolchain/go/contour locks ship every kind that Contour needs",
            "correct the names in toolchain/definitions.py when another version is locked",
        )
    return [slim(found[name]) for name in names]


def slim(definition: Definition) -> Definition:
    """The definition without descriptions, which are two thirds of it and would lie twice in the stack's state.

    Left out as well is what the generator leaves behind and the API server does not take: a creation time of null.
    """
    kept = {key: value for key, value in definition["metadata"].items() if value is not None}
    return {**definition, "metadata": kept, "spec": _without_descriptions(definition["spec"])}


def _documents(file: Path) -> Iterator[Definition]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        raise ToolchainError(
            f"{file} is not there", "the module ships it", "correct its place in toolchain/definitions.py"
        ) from None
    yield from (one for one in yaml.load_all(text, Loader=_LOADER) if one)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast where PyYAML has its C part."""


def _without_descriptions(value: Any) -> Any:
    """A property of that name is a map, so it stays."""
    if isinstance(value, dict):
        return {
            key: _without_descriptions(inner)
            for key, inner in value.items()
            if not (key == "description" and isinstance(inner, str))
        }
    return [_without_descriptions(inner) for inner in value] if isinstance(value, list) else value
