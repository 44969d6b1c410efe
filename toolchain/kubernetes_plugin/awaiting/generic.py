"""Definitions, aggregated APIs, namespaces, and the `pulumi.com/waitFor` annotation."""

import json
import re
from typing import Any

from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings, condition, holds
from toolchain.kubernetes_plugin.errors import PluginError


def definition(live: Object, _: Surroundings) -> Look:
    """A CustomResourceDefinition that is established and whose names are accepted."""
    names = condition(live, "NamesAccepted")
    if names.get("status") == "False":
        return Look(failed=True, message=f"{names.get('reason')}: {names.get('message')}")
    return Look(holds(live, "Established"), message="not established yet")


def service_account(_live: Object, _: Surroundings) -> Look:
    """Ready once it exists: since Kubernetes 1.24 no token Secret is made for it."""
    return Look(ready=True)


def namespace(live: Object, _: Surroundings) -> Look:
    """Active."""
    phase = (live.get("status") or {}).get("phase")
    return Look(phase == "Active", failed=phase == "Terminating", message=str(phase))


def parse_wait_for(text: str) -> list[str]:
    """The annotation's expressions: one, or a JSON list of them.

    Raises:
        PluginError: an expression is neither `condition=Type[=Value]` nor `jsonpath={path}[=value]`.
    """
    expressions = json.loads(text) if text.lstrip().startswith("[") else [text]
    for expression in expressions:
        if not isinstance(expression, str) or not re.match(r"^(condition=\w|jsonpath=\{?\.?\w)", expression):
            raise PluginError(
                f"pulumi.com/waitFor: {expression!r}",
                "it is `condition=Type`, `condition=Type=Value`, `jsonpath={.path}` or `jsonpath={.path}=value`",
                "correct the annotation",
            )
    return list(expressions)


def wait_for(live: Object, expressions: list[str]) -> Look:
    """Whether all expressions hold."""
    missing = [expression for expression in expressions if not _holds(live, expression)]
    return Look(not missing, message="waiting for " + ", ".join(missing))


def _holds(live: Object, expression: str) -> bool:
    form, _, rest = expression.partition("=")
    if form == "condition":
        type_, _, wanted = rest.partition("=")
        return str(condition(live, type_).get("status", "")).lower() == (wanted or "True").lower()
    closing = rest.find("}")
    path, tail = (rest[: closing + 1], rest[closing + 1 :]) if closing >= 0 else (rest.partition("=")[0], "")
    if closing < 0 and "=" in rest:
        tail = "=" + rest.partition("=")[2]
    found = lookup(live, path)
    return any(_text(value) == tail[1:] for value in found) if tail.startswith("=") else bool(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_STEP = re.compile(r"""\.((?:\\\.|[\w/-])+)|\['([^']+)'\]|\[([^\]]+)\]""")


def lookup(live: Object, path: str) -> list[Any]:
    """The values at a JSONPath with names, indexes, `[*]` and `[?(@.key=="value")]`; empty where there are none."""
    inner = path.strip("{}")
    found: list[Any] = [live]
    for name, quoted, selector in _STEP.findall(inner if inner.startswith((".", "[")) else "." + inner):
        key = (name or quoted).replace("\\.", ".")
        found = [item for value in found for item in _step(value, key, selector)]
    return [value for value in found if value is not None]


def _step(value: Any, key: str, selector: str) -> list[Any]:
    if key:
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if selector == "*":
        return value
    if test := re.match(r"""\?\(\s*@\.(\w+)\s*==\s*["']([^"']*)["']\s*\)""", selector):
        return [item for item in value if isinstance(item, dict) and _text(item.get(test[1])) == test[2]]
    index = int(selector)
    return [value[index]] if -len(value) <= index < len(value) else []
