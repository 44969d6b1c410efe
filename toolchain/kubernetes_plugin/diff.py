"""What a change of inputs means: which properties differ, and whether the object must be replaced."""

from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.proto import provider_pb2

from toolchain.kubernetes_plugin.values import UNKNOWN, Secret, plain

Path = tuple[str | int, ...]
_KIND = provider_pb2.PropertyDiff


@dataclass
class Change:
    """One property that differs. `kind` is `ADD`, `DELETE` or `UPDATE`."""

    path: Path
    kind: str


@dataclass
class Verdict:
    """The outcome of a comparison."""

    changes: list[Change] = field(default_factory=list)
    replaces: list[Path] = field(default_factory=list)
    delete_first: bool = False

    def response(self) -> provider_pb2.DiffResponse:
        """The verdict as the engine's message."""
        detailed = {
            spell(change.path): _KIND(kind=_kind(change, change.path in self.replaces), inputDiff=True)
            for change in self.changes
        }
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if self.changes or self.replaces else none,
            diffs=sorted({str(change.path[0]) for change in self.changes}),
            replaces=[spell(path) for path in self.replaces],
            detailedDiff=detailed,
            hasDetailedDiff=True,
            deleteBeforeReplace=self.delete_first,
        )


def _kind(change: Change, replace: bool) -> Any:
    return _KIND.Kind.Value(f"{change.kind}_REPLACE" if replace else change.kind)


def spell(path: Path) -> str:
    """A path in the engine's notation, such as `spec.template.spec.containers[0].image` or `data["a.b"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").replace("-", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += '["' + part.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text


def parse_path(text: str) -> Path:
    """The reverse of `spell`, for the paths of `ignoreChanges`; `*` matches any part."""
    parts: list[str | int] = []
    rest = text
    while rest:
        if rest.startswith('["'):
            end = rest.index('"]')
            parts.append(rest[2:end])
            rest = rest[end + 2 :]
        elif rest.startswith("["):
            end = rest.index("]")
            parts.append(int(rest[1:end]) if rest[1:end].isdigit() else rest[1:end])
            rest = rest[end + 1 :]
        else:
            rest = rest.removeprefix(".")
            size = min((rest.find(mark) for mark in ".[" if mark in rest), default=len(rest))
            parts.append(rest[:size])
            rest = rest[size:]
    return tuple(parts)


def compare(old: Any, new: Any, path: Path = ()) -> list[Change]:
    """Every leaf that differs. Unknown differs from everything; null and missing are the same."""
    if isinstance(old, Secret) or isinstance(new, Secret):
        return compare(plain(old), plain(new), path)
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[Change] = []
        for key in [*old, *(key for key in new if key not in old)]:
            found += compare(old.get(key), new.get(key), (*path, key))
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = []
        for index in range(max(len(old), len(new))):
            one = old[index] if index < len(old) else None
            found += compare(one, new[index] if index < len(new) else None, (*path, index))
        return found
    if new is UNKNOWN or old != new or (isinstance(old, bool) != isinstance(new, bool)):
        kind = "ADD" if old is None else "DELETE" if new is None else "UPDATE"
        return [Change(path, kind)]
    return []


def within(path: Path, outer: Path) -> bool:
    """Whether a path lies at or below another."""
    return len(path) >= len(outer) and all(want in ("*", part) for want, part in zip(outer, path, strict=False))


def touches(path: Path, forced: str) -> bool:
    """Whether a change at a path changes the forced field: at it, below it, or by adding or removing what holds it."""
    wanted = tuple(forced.split("."))
    return within(path, wanted) or wanted[: len(path)] == path


def judge(old: Any, new: Any, forced: tuple[str, ...], ignored: list[str]) -> Verdict:
    """Compares inputs and says which changes mean a replacement.

    Args:
        forced: dotted paths whose change means a replacement.
        ignored: the resource's `ignoreChanges`, in the engine's notation.
    """
    skipped = [parse_path(text) for text in ignored]
    changes = [change for change in compare(old, new) if not any(within(change.path, path) for path in skipped)]
    replaces = [change.path for change in changes if any(touches(change.path, name) for name in forced)]
    return Verdict(changes, replaces)
