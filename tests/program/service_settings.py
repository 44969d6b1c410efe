"""What a service may be told by its environment, read from its sources: the services have an environment of their own.

The settings of a service are the fields of its class in `app/settings.py` and of the classes that it is made from.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
GIVEN = frozenset({"SERVICE_NAME", "SERVICE_VERSION", "DRAIN_SECONDS", "SHUTDOWN_SECONDS"})
"""What the chart itself says to every service."""


def settings(service: str) -> dict[str, bool]:
    """The service's settings by the names of their variables: whether each must be given."""
    own = _classes([SERVICES / service / "app" / "settings.py"])
    known = _classes((SERVICES / "kit" / "blueprint_kit").glob("*.py")) | own
    (top,) = [name for name in own if name.endswith("Settings")]
    return dict(_fields(known, top))


def _classes(files: Iterator[Path] | list[Path]) -> dict[str, ast.ClassDef]:
    trees = [ast.parse(file.read_text()) for file in files]
    return {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _fields(known: dict[str, ast.ClassDef], name: str) -> Iterator[tuple[str, bool]]:
    """Those of the bases first, so that a class's own default wins."""
    for base in known[name].bases:
        if isinstance(base, ast.Name) and base.id in known:
            yield from _fields(known, base.id)
    for line in known[name].body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id.upper(), _has_no_default(line.value)


def _has_no_default(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "Field":
        named = {keyword.arg for keyword in value.keywords}
        return not value.args and not {"default", "default_factory"} & named
    return value is None
