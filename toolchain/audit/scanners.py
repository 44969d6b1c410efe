"""Runs each scanner and reads what it says. Each `parse_…` is pure; each scanner's findings come in one shape."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from toolchain import debian_packages, manifests, programs
from toolchain.audit import environment
from toolchain.audit.custom_resources import schemas_of
from toolchain.audit.findings import Finding
from toolchain.audit.rendering import name
from toolchain.errors import ToolchainError
from toolchain.paths import ROOT
from toolchain.recipes import KUBERNETES_VERSION
from toolchain.shell import run

SECONDS = 300
KUBE_SCORE_GOOD = 7
"""kube-score's grade "almost ok"; what it warns of has 5, what it calls critical 1."""
_CHECKOV = {"BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR", "CKV_IGNORE_HIDDEN_DIRECTORIES": "false"}
"""It asks no server, and looks into `.blueprint/`."""
LOCKS = ("uv.lock", "go.sum", "requirements.txt")
"""Files of public checksums, which look like secrets by the hundred."""
Objects = Mapping[Path, Mapping[str, Any]]


def kubeconform(objects: Objects) -> list[Finding]:
    """Is every object, ours and the add-ons', what the API server's own description allows, with no unknown field?"""
    text = "\n---\n".join(file.read_text() for file in objects)
    with schemas_of(objects.values()) as custom:
        problems = manifests.problems(text, custom)
    parts = (problem.partition(": ") for problem in problems)
    return [Finding("kubeconform", "schema", place.replace(" ", "/", 1), problem) for place, _, problem in parts]


def checkov(objects: Objects) -> list[Finding]:
    """Rules of hardening, for Kubernetes objects and for Dockerfiles."""
    places = {str(file): name(found) for file, found in objects.items()}
    folder = os.path.commonpath(list(map(str, objects)))
    found = parse_checkov(_checkov("kubernetes", "--directory", folder), places)
    dockerfiles = {str(ROOT / file): file for file in sources() if file.rpartition("/")[2] == "Dockerfile"}
    return found + parse_checkov(_checkov("dockerfile", "--file", *dockerfiles), dockerfiles)


def parse_checkov(text: str, places: Mapping[str, str]) -> list[Finding]:
    """The failed checks of checkov's JSON, and the files that it could not read.

    Raises:
        ToolchainError: it looked at nothing.
    """
    report = json.loads(text)
    if not report.get("summary", {}).get("resource_count"):
        raise ToolchainError("checkov looked at nothing", "it looks at every object", "see its version in audit/")
    results = report["results"]
    failed = {(one["check_id"], one["file_abs_path"], one["check_name"]) for one in results["failed_checks"]}
    found = [Finding("checkov", rule, places.get(file, file), text) for rule, file, text in failed]
    unread = results["parsing_errors"]
    return found + [Finding("checkov", "unreadable", places.get(file, file), "cannot be read") for file in unread]


def kube_score(objects: Objects) -> list[Finding]:
    """How robust are workloads: probes, resources, budgets, spreading, policies, across all objects at once?"""
    command = [str(programs.ensure("kube-score")), "score", "--output-format", "json"]
    version = ".".join(KUBERNETES_VERSION.split(".")[:2])
    options = ["--kubernetes-version", version, "--exit-one-on-warning"]
    text = _whatever_it_finds([*command, *options, *map(str, objects)])
    return parse_kube_score(text, {str(file): name(found) for file, found in objects.items()})


def parse_kube_score(text: str, places: Mapping[str, str]) -> list[Finding]:
    """What kube-score's JSON grades as a warning or worse."""
    return [
        Finding("kube-score", check["check"]["id"], places.get(one["file_name"], one["file_name"]), _said(check))
        for one in json.loads(text) or []
        for check in one["checks"]
        if not check["skipped"] and check["grade"] < KUBE_SCORE_GOOD
    ]


def _said(check: Mapping[str, Any]) -> str:
    comments = check["comments"] or []
    lines = [": ".join(filter(None, [one["path"], one["summary"]])) for one in comments]
    return "; ".join(lines) or str(check["check"]["comment"])


def hadolint(_objects: Objects) -> list[Finding]:
    """Dockerfiles: pinning, users, shells, what lies around."""
    dockerfiles = [file for file in sources() if file.rpartition("/")[2] == "Dockerfile"]
    text = _whatever_it_finds([str(environment.program("hadolint")), "--format", "json", *dockerfiles])
    return [Finding("hadolint", one["code"], one["file"], one["message"]) for one in json.loads(text)]


def shellcheck(_objects: Objects) -> list[Finding]:
    """Shell scripts: quoting, unused and unset names, what no `sh` has."""
    debian_packages.ensure({"shellcheck": "shellcheck"}, "the scanner of shell scripts")
    scripts = [file for file in sources() if is_shell((ROOT / file).read_bytes())]
    text = _whatever_it_finds(["shellcheck", "--format=json1", *scripts])
    comments = json.loads(text)["comments"]
    return [Finding("shellcheck", f"SC{one['code']}", one["file"], one["message"]) for one in comments]


def is_shell(content: bytes) -> bool:
    """Whether a file's first line names a shell."""
    return re.match(rb"#!.*\b(ba|da)?sh\b", content) is not None


def detect_secrets(_objects: Objects) -> list[Finding]:
    """Passwords, keys and tokens in any file of the project."""
    files = [file for file in sources() if Path(file).name not in LOCKS]
    text = run(
        [str(environment.program("detect-secrets")), "-C", str(ROOT), "scan", *files],
        seconds=SECONDS,
        remedy="see its last lines above",
    )
    return parse_detect_secrets(text)


def parse_detect_secrets(text: str) -> list[Finding]:
    """What detect-secrets' JSON lists; the secret itself is never shown."""
    results = json.loads(text)["results"]
    return [
        Finding("detect-secrets", one["type"], file, f"line {one['line_number']}")
        for file, listed in results.items()
        for one in listed
    ]


SCANNERS: Mapping[str, Callable[[Objects], list[Finding]]] = {
    "kubeconform": kubeconform,
    "checkov": checkov,
    "kube-score": kube_score,
    "hadolint": hadolint,
    "shellcheck": shellcheck,
    "detect-secrets": detect_secrets,
}


@cache
def sources() -> tuple[str, ...]:
    """The project's own files, those included that are new and not yet committed.

    Raises:
        ToolchainError: this is no checkout.
    """
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = run(command, seconds=SECONDS, remedy="run it in a checkout").splitlines()
    return tuple(file for file in sorted(set(listed)) if (ROOT / file).is_file())


def _checkov(framework: str, *what: str) -> str:
    command = [str(environment.program("checkov")), "--framework", framework, "--output", "json", "--compact"]
    options = ["--soft-fail", "--skip-download"]
    return run([*command, *options, *what], seconds=SECONDS, remedy="see its last lines above", environment=_CHECKOV)


def _whatever_it_finds(command: Sequence[str]) -> str:
    """What a scanner prints that ends with 1 when it finds something."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, 1) or not done.stdout.strip():
        problem = f"{Path(command[0]).name} failed: {done.stderr.strip()[-1000:]}"
        raise ToolchainError(problem, "it says what it finds", "see above")
    return done.stdout
