"""Checks values against a JSON Schema: those keywords of draft 2020-12 that charts/microservice uses, and no others.

The project locks no JSON Schema library; Helm's own one judges the same files in charts/microservice/tests.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
}
_SAID_ONLY = {"$schema", "title", "description"}


def problems(value: Any, schema: Schema, place: str = "") -> list[str]:
    """What is wrong with the value, each with its place; empty when it is valid.

    Raises:
        NotImplementedError: the schema uses a keyword that is not known here.
    """
    unknown = schema.keys() - _KEYWORDS.keys() - _SAID_ONLY
    if unknown:
        raise NotImplementedError(f"{place or '/'}: keywords {sorted(unknown)}")
    if "type" in schema and not _is(value, schema["type"]):
        return [f"{place or '/'}: {json.dumps(value)} is no {schema['type']}"]
    return [
        problem
        for keyword, rule in schema.items()
        if keyword not in _SAID_ONLY
        for problem in _KEYWORDS[keyword](value, rule, schema, place)
    ]


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, bool))


Check = Callable[[Any, Any, Schema, str], Iterator[str]]


def _simple(holds: Callable[[Any, Any], bool], words: str, kind: type | tuple[type, ...] = object) -> Check:
    """A keyword that looks at the value alone, and says nothing of values of other types."""

    def check(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
        if isinstance(value, kind) and not holds(value, rule):
            yield f"{place or '/'}: {json.dumps(value)} {words} {rule!r}"

    return check


def _properties(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
    for name in rule.keys() & value.keys() if isinstance(value, dict) else ():
        yield from problems(value[name], rule[name], f"{place}/{name}")


def _additional(value: Any, rule: Any, schema: Schema, place: str) -> Iterator[str]:
    for name in value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ():
        if rule is False:
            yield f"{place}/{name}: unknown"
        else:
            yield from problems(value[name], rule, f"{place}/{name}")


def _names(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from problems(name, rule, f"{place}/{name}")


def _items(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from problems(item, rule, f"{place}/{index}")


def _any_of(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
    if all(problems(value, one, place) for one in rule):
        yield f"{place or '/'}: {json.dumps(value)} is none of {rule!r}"


def _together(value: Any, rule: Any, _schema: Schema, place: str) -> Iterator[str]:
    for name, others in rule.items() if isinstance(value, dict) else ():
        if name in value and not set(others) <= value.keys():
            yield f"{place}/{name}: needs {others}"


_NUMBER = (int, float)
_KEYWORDS: Mapping[str, Check] = {
    "type": lambda *_: iter(()),  # looked at first
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "anyOf": _any_of,
    "dependentRequired": _together,
    "required": _simple(lambda value, rule: set(rule) <= value.keys(), "lacks some of", dict),
    "pattern": _simple(lambda value, rule: re.search(rule, value) is not None, "does not match", str),
    "maxLength": _simple(lambda value, rule: len(value) <= rule, "is longer than", str),
    "minItems": _simple(lambda value, rule: len(value) >= rule, "has fewer items than", list),
    "minimum": _simple(lambda value, rule: bool(value >= rule), "is less than", _NUMBER),
    "maximum": _simple(lambda value, rule: bool(value <= rule), "is more than", _NUMBER),
    "enum": _simple(lambda value, rule: value in rule, "is none of"),
    "const": _simple(lambda value, rule: bool(value == rule), "is not"),
    "not": _simple(lambda value, rule: bool(problems(value, rule)), "must not be"),
}
