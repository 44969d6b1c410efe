"""`make manifests`, `make audit` and `make sbom`: what is done in which order, and how it ends."""

import time
from collections import Counter

from rich.table import Table

from toolchain import engine, lifecycle, paths
from toolchain.audit import findings, rendering, scanners
from toolchain.audit import sbom as bills
from toolchain.audit.findings import Finding, Verdict
from toolchain.errors import ToolchainError
from toolchain.progress import console, step


def manifests() -> None:
    """Renders every object of the program into .blueprint/manifests, without a cluster."""
    with step("render every object"):
        objects = rendering.render(lifecycle.settings())
    console.print(f"{len(objects)} objects in {rendering.folder().relative_to(paths.ROOT)}")


def audit() -> None:
    """Runs every scanner over the rendered objects and the sources; fails on what audit/exceptions.toml does not name.

    Raises:
        ToolchainError: there is a finding without an exception, or an exception without a finding.
    """
    started = time.monotonic()
    exceptions = findings.load()
    with step("render every object"):
        objects = rendering.render(lifecycle.settings())
    found: list[Finding] = []
    for name, scan in scanners.SCANNERS.items():
        with step(name):
            found += scan(objects)
    verdict = findings.judge(found, exceptions)
    _show(verdict)
    console.print(f"{len(objects)} objects scanned in {time.monotonic() - started:.0f} s")
    if not verdict.holds:
        raise ToolchainError(
            f"{len(verdict.failures)} findings not excepted, {len(verdict.unneeded)} exceptions that nothing needs",
            "what a scanner finds is mended, or excepted with a reason, and no exception outlives its reason",
            "mend what is listed above, or edit audit/exceptions.toml",
        )


def sbom() -> None:
    """Writes what each image holds into .blueprint/sbom: Debian packages, Python distributions and Go modules."""
    table = Table("image", "components")
    files = []
    engine.ensure()
    for name in bills.names():
        with step(f"list what {name} holds"):
            file, count = bills.write(name)
        files.append(file)
        table.add_row(name, str(count))
    with step("check the documents against CycloneDX' schema"):
        bills.validate(files)
    console.print(table)
    console.print(f"{len(files)} documents in {bills.folder().relative_to(paths.ROOT)}")


def _show(verdict: Verdict) -> None:
    for finding in verdict.failures:
        line = f"✗ {finding.scanner} {finding.rule} {finding.place}: {finding.text}"
        console.print(line, style="red", markup=False)
    for line in verdict.unneeded:
        console.print(f"✗ excepted, but not found: {line}", style="red", markup=False)
    failed = Counter(finding.scanner for finding in verdict.failures)
    excepted = Counter(finding.scanner for finding in verdict.excepted)
    table = Table("scanner", "failures", "excepted")
    for name in scanners.SCANNERS:
        table.add_row(name, str(failed[name]), str(excepted[name]))
    console.print(table)
