"""The catalog of images: `catalog.toml`, typed and checked. What each entry means is written there."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolchain.errors import ToolchainError
from toolchain.recipes import RECIPES

FILE = Path(__file__).with_name("catalog.toml")
_NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_REFERENCE = r"^[a-z0-9.-]+(/[a-z0-9._-]+)+:[A-Za-z0-9._-]+(@sha256:[0-9a-f]{64})?$"
_SOURCE = r"^[a-z0-9./_-]+//[a-z0-9./_-]+$"


class Kind(StrEnum):
    """How an image is made in the source lane."""

    ROOT = "root file system"
    STATIC = "static program"
    DOCKERFILE = "dockerfile"
    SERVICE = "service"
    NODE = "node"


class Entry(BaseModel):
    """One image of the catalog; its fields are explained at the head of `catalog.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    upstream: str | None = Field(default=None, pattern=_REFERENCE)
    bases: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    sources: Mapping[str, str] = {}
    contains: Mapping[str, str] = {}
    user: int = Field(default=0, ge=0, le=65535)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is Kind.STATIC and len(self.programs) != 1:
            raise ValueError("a static program's image has exactly one program")
        if self.kind in (Kind.NODE, Kind.SERVICE) and len(self.bases) != 1:
            raise ValueError(f"an image of kind {self.kind.value!r} has exactly one base")
        if self.contains and self.kind is not Kind.NODE:
            raise ValueError("only a node image contains images")
        if self.user and self.kind is not Kind.STATIC:
            raise ValueError("`user` is for a static program; a Dockerfile names its own")
        for source in self.sources.values():
            if not re.fullmatch(_SOURCE, source):
                raise ValueError(f"source {source!r} is not of the form module//folder")
        return self

    def needs(self) -> tuple[str, ...]:
        """The images that must be there before this one is made."""
        return (*self.bases, *self.contains)


def parse(text: str) -> dict[str, Entry]:
    """The catalog that a TOML text describes, by name.

    Raises:
        ToolchainError: it is no TOML, an entry is not valid, or it names an image or program that does not exist.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(text)
        entries = {name: Entry.model_validate(table) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise _invalid(str(error)) from None
    for name, entry in entries.items():
        _check(name, entry, entries)
    in_order(entries, entries)
    return entries


@cache
def load() -> Mapping[str, Entry]:
    """The project's catalog.

    Raises:
        ToolchainError: it is not valid.
    """
    return parse(FILE.read_text())


def entry(name: str) -> Entry:
    """The catalog's entry of that name.

    Raises:
        ToolchainError: there is none.
    """
    entries = load()
    if name not in entries:
        raise ToolchainError(f"image {name!r}", f"an image is one of: {', '.join(entries)}", "correct the name")
    return entries[name]


def in_order(names: Iterable[str], entries: Mapping[str, Entry]) -> list[str]:
    """The images and all that they need, each after what it needs.

    Raises:
        ToolchainError: an image needs itself.
    """
    ordered: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise _invalid(f"{' → '.join((*path, name))}: an image needs itself")
        for needed in entries[name].needs():
            visit(needed, (*path, name))
        ordered[name] = None

    for name in names:
        visit(name, ())
    return list(ordered)


def _check(name: str, found: Entry, entries: Mapping[str, Entry]) -> None:
    if not re.fullmatch(_NAME, name):
        raise _invalid(f"image name {name!r} is not lower-case words joined by hyphens")
    for needed in found.needs():
        if needed not in entries:
            raise _invalid(f"image {name!r} needs {needed!r}, which the catalog has not")
    for program in found.programs:
        if program not in RECIPES:
            raise _invalid(f"image {name!r} holds the program {program!r}, which `toolchain.recipes` has not")


def _invalid(problem: str) -> ToolchainError:
    return ToolchainError(problem, "images/catalog.toml is valid", "correct the entry")
