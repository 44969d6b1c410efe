"""A software bill of materials for each image, as CycloneDX JSON."""

import json
import shutil
import tarfile
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from images import builder, catalog, docker, exported
from toolchain import lifecycle, paths
from toolchain.audit import environment
from toolchain.audit.contents import Files, Package, content, go_packages
from toolchain.shell import run

DEBIAN = builder.DEBIAN
SPEC_VERSION = "1.6"
SECONDS = 300
_VALIDATE = """\
import sys, pathlib
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for file in sys.argv[1:]:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(file).read_text())
    if problem:
        sys.exit(f"{file}: {problem}")
"""
Document = dict[str, Any]


def folder() -> Path:
    """Where the documents lie: `<image>.cdx.json`."""
    return paths.state() / "sbom"


def names() -> list[str]:
    """The images that the stack runs: those that are made for it, and those inside the nodes' image."""
    inside = [inner for name in lifecycle.IMAGES for inner in catalog.entry(name).contains]
    return sorted({*lifecycle.IMAGES, *inside})


def write(name: str) -> tuple[Path, int]:
    """Writes the document of an image, which is made if it is missing. Returns its file and the number of components.

    Raises:
        ToolchainError: the image cannot be made, or Go is missing.
    """
    tag = builder.reference(name)
    with _archive(name, tag) as archive:
        found = packages(archive)
    file = folder() / f"{name}.cdx.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document(name, tag.rpartition(":")[2], found), indent=1))
    return file, len(found)


def validate(files: Sequence[Path]) -> None:
    """Checks documents against CycloneDX' own schema, strictly.

    Raises:
        ToolchainError: one is not valid.
    """
    command = [str(environment.program("python")), "-c", _VALIDATE, *map(str, files)]
    run(command, seconds=SECONDS, remedy="correct toolchain/audit/sbom.py")


def packages(archive: Path) -> list[Package]:
    """Everything in the one image of an archive that `docker save` wrote."""
    files = Files()
    with tarfile.open(archive) as opened:
        layers = json.load(content(opened, "manifest.json"))[0]["Layers"]
        for number, place in enumerate(layers):
            with tarfile.open(fileobj=content(opened, place)) as layer:
                files.add(number, layer)
        with tempfile.TemporaryDirectory(prefix="blueprint-sbom-") as scratch:
            for number, place in enumerate(layers):
                wanted = {path for path, layer in files.foreign_programs().items() if layer == number}
                with tarfile.open(fileobj=content(opened, place)) as opened_layer:
                    _unpack(opened_layer, wanted, Path(scratch) / str(number))
            listing = run(["go", "version", "-m", scratch], seconds=SECONDS, remedy="install Go")
    return sorted({*files.packages(), *go_packages(listing)})


def _unpack(layer: tarfile.TarFile, wanted: set[str], target: Path) -> None:
    """Under numbers: what an archive calls its files is not for us to write to."""
    target.mkdir()
    for number, member in enumerate(layer):
        if member.name.lstrip("./") in wanted and member.isfile():
            with (target / str(number)).open("wb") as file:
                shutil.copyfileobj(content(layer, member), file)
            (target / str(number)).chmod(0o755)


@contextmanager
def _archive(name: str, tag: str) -> Iterator[Path]:
    """The image's archive: the kept one, or one made for this."""
    if exported.kept(name, tag):
        yield exported.file(name, tag)
        return
    builder.ensure(name)
    with tempfile.TemporaryDirectory(dir=paths.state(), prefix="sbom-") as scratch:
        file = Path(scratch) / "image.tar"
        docker.call("save", "--output", str(file), tag, seconds=SECONDS)
        yield file


def document(name: str, version: str, found: Sequence[Package]) -> Document:
    """A CycloneDX document. The same image gives the same one: its serial number is made from its name and version.

    Source: https://cyclonedx.org/docs/1.6/json/
    """
    image = {"type": "container", "bom-ref": f"image:{name}", "name": name, "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'blueprint/{name}:{version}')}",
        "version": 1,
        "metadata": {"component": image},
        "components": [component(one) for one in found],
    }


def component(one: Package) -> Document:
    """One package as a component."""
    locator = package_url(one)
    return {"type": "library", "bom-ref": locator, "name": one.name, "version": one.version, "purl": locator}


def package_url(one: Package) -> str:
    """Its package URL.

    Source: https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst
    """
    name = quote(one.name, safe="/" if one.kind == "golang" else "")
    version = quote(one.version, safe="")
    if one.kind == "deb":
        return f"pkg:deb/debian/{name}@{version}?arch={one.architecture}&distro={DEBIAN}"
    return f"pkg:{one.kind}/{name}@{version}"
