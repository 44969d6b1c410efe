"""What a scanner found, and which of it is excepted. Owns the rule that every exception has a reason and is needed."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolchain.errors import ToolchainError
from toolchain.paths import ROOT

EXCEPTIONS = ROOT / "audit" / "exceptions.toml"
SCANNERS = ("kubeconform", "checkov", "kube-score", "hadolint", "shellcheck", "detect-secrets")


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that a scanner does not like.

    Attributes:
        scanner: one of `SCANNERS`.
        rule: the scanner's own name of the rule.
        place: the object as `Kind/namespace/name`, or `Kind/name` where it has no namespace; or a file's path.
        text: what the scanner says.
    """

    scanner: str
    rule: str
    place: str
    text: str


class Accepted(BaseModel):
    """One exception: these rules of this scanner may be broken at these places, for this reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scanner: Annotated[str, Field(pattern=f"^({'|'.join(SCANNERS)})$")]
    rules: Annotated[tuple[str, ...], Field(min_length=1)]
    places: Annotated[tuple[str, ...], Field(min_length=1)]
    """Patterns of the shell; `*` also stands for slashes."""
    reason: Annotated[str, Field(min_length=20)]

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is excepted by this."""
        return finding.scanner == self.scanner and finding.rule in self.rules and self._holds_at(finding.place)

    def _holds_at(self, place: str) -> bool:
        return any(fnmatchcase(place, pattern) for pattern in self.places)

    def unneeded(self, findings: Iterable[Finding]) -> list[str]:
        """The rules and places of this exception that no finding needs."""
        covered = [finding for finding in findings if self.covers(finding)]
        rules = {finding.rule for finding in covered}
        dead_rules = [rule for rule in self.rules if rule not in rules]
        dead_places = [
            pattern for pattern in self.places if not any(fnmatchcase(found.place, pattern) for found in covered)
        ]
        return [f"{self.scanner}: {part!r} ({self.reason[:60]} …)" for part in (*dead_rules, *dead_places)]


@dataclass(frozen=True)
class Verdict:
    """How the findings stand against the exceptions.

    Attributes:
        failures: what no exception covers.
        excepted: what one does.
        unneeded: what is excepted and was not found: to be taken out.
    """

    failures: tuple[Finding, ...]
    excepted: tuple[Finding, ...]
    unneeded: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether there is nothing to mend, neither in what was scanned nor in the exceptions."""
        return not self.failures and not self.unneeded


def parse(text: str) -> tuple[Accepted, ...]:
    """The exceptions that a TOML text lists, each as a table `[[exception]]`.

    Raises:
        ToolchainError: it is no TOML, or an exception names no scanner of ours, no rule, no place or no reason.
    """
    try:
        tables = tomllib.loads(text)
        unknown = tables.keys() - {"exception"}
        if unknown:
            raise _invalid(f"unknown tables {', '.join(sorted(unknown))}; each exception is an [[exception]]")
        return tuple(Accepted.model_validate(table) for table in tables.get("exception", []))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise _invalid(str(error)) from None


def load(file: Path = EXCEPTIONS) -> tuple[Accepted, ...]:
    """The project's exceptions.

    Raises:
        ToolchainError: they are not valid.
    """
    return parse(file.read_text())


def judge(findings: Sequence[Finding], exceptions: Sequence[Accepted]) -> Verdict:
    """Sorts the findings into failures and excepted ones, and names each exception that nothing needs."""
    excepted = tuple(sorted({one for one in findings if any(accepted.covers(one) for accepted in exceptions)}))
    failures = tuple(sorted(set(findings) - set(excepted)))
    unneeded = tuple(line for accepted in exceptions for line in accepted.unneeded(findings))
    return Verdict(failures, excepted, unneeded)


def _invalid(problem: str) -> ToolchainError:
    return ToolchainError(problem, "audit/exceptions.toml is valid", "correct the entry")
