"""What an image holds, read from its own layers: Debian packages, Python distributions, programs that are neither.

It is read from the result and not from the recipes, so what a step brought along unasked is in the list too.
"""

import email
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

DPKG = "var/lib/dpkg/"
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LEAST_PROGRAM_BYTES = 500_000
_KEPT_BYTES = 16_000_000
_MERGED = ("bin/", "sbin/", "lib/", "lib64/")


@dataclass(frozen=True, order=True)
class Package:
    """One thing with a name and a version.

    Attributes:
        kind: `deb`, `pypi` or `golang`.
        name: its own name there.
        version: as that world writes it.
        architecture: of a Debian package; else empty.
    """

    kind: str
    name: str
    version: str
    architecture: str = ""


@dataclass
class Files:
    """The file system that the layers make together.

    Attributes:
        texts: the content of the files that tell of packages, by path.
        programs: executables by path, each with the layer that has it last.
    """

    texts: dict[str, str] = field(default_factory=dict)
    programs: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, layer: tarfile.TarFile) -> None:
        """Lays the next layer over those before it."""
        for member in layer:
            path = posixpath.normpath(member.name).lstrip("/")
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                self._remove(folder)
            elif name.startswith(_WHITEOUT):
                self._remove(posixpath.join(folder, name.removeprefix(_WHITEOUT)))
            elif member.isfile():
                self._take(number, path, member, layer)

    def _take(self, number: int, path: str, member: tarfile.TarInfo, layer: tarfile.TarFile) -> None:
        self.texts.pop(path, None)
        self.programs.pop(path, None)
        if tells_of_packages(path) and member.size < _KEPT_BYTES:
            self.texts[path] = content(layer, member).read().decode(errors="replace")
        elif member.mode & 0o111 and member.size > _LEAST_PROGRAM_BYTES:
            self.programs[path] = number

    def _remove(self, gone: str) -> None:
        for known in (self.texts, self.programs):
            for path in [path for path in known if path == gone or path.startswith(f"{gone}/")]:
                del known[path]

    def packages(self) -> list[Package]:
        """Debian's packages and Python's distributions."""
        debian = [found for path, text in self.texts.items() if is_status(path) for found in debian_packages(text)]
        python = [python_package(text) for path, text in self.texts.items() if path.endswith("/METADATA")]
        return sorted({*debian, *filter(None, python)})

    def foreign_programs(self) -> dict[str, int]:
        """The programs that no Debian package brought."""
        owned = set(_owned(self.texts))
        return {path: layer for path, layer in self.programs.items() if merged(path) not in owned}


def tells_of_packages(path: str) -> bool:
    """Whether a file says which packages there are, or which files a package has."""
    lists = path.startswith(f"{DPKG}info/") and path.endswith(".list")
    return lists or is_status(path) or path.endswith(".dist-info/METADATA")


def is_status(path: str) -> bool:
    """Whether it is dpkg's list of packages."""
    return path == f"{DPKG}status" or path.startswith(f"{DPKG}status.d/")


def debian_packages(status: str) -> Iterator[Package]:
    """The installed packages of dpkg's status file.

    Source of the form: https://www.debian.org/doc/debian-policy/ch-controlfields.html
    """
    for stanza in status.split("\n\n"):
        lines = (line.partition(": ") for line in stanza.splitlines() if not line.startswith(" "))
        fields = {name: value for name, _, value in lines}
        if fields.get("Status", "").endswith(" installed"):
            yield Package("deb", fields["Package"], fields["Version"], fields["Architecture"])


def python_package(metadata: str) -> Package | None:
    """The distribution whose METADATA this is; None where it says no name or version."""
    said = email.message_from_string(metadata)
    if not said["Name"] or not said["Version"]:
        return None
    return Package("pypi", said["Name"].lower().replace("_", "-").replace(".", "-"), said["Version"])


def go_packages(listing: str) -> Iterator[Package]:
    """The modules that `go version -m` lists, and Go itself; a replaced module counts as what replaces it."""
    found: list[Package] = []
    for line in listing.splitlines():
        fields = line.split()
        if not line.startswith("\t") and ": go" in line:
            found.append(Package("golang", "std", fields[-1].removeprefix("go")))
        elif fields[:1] in (["dep"], ["mod"]) and len(fields) > 2:
            found.append(Package("golang", fields[1], fields[2]))
        elif fields[:1] == ["=>"] and len(fields) > 2:
            found[-1] = Package("golang", fields[1], fields[2])
    yield from sorted(set(found))


def merged(path: str) -> str:
    """The path on a system whose /bin, /sbin and /lib are links into /usr."""
    return f"usr/{path}" if path.startswith(_MERGED) else path


def _owned(texts: Mapping[str, str]) -> Iterator[str]:
    for path, text in texts.items():
        if path.endswith(".list"):
            yield from _merged_all(text.split("\n"))


def _merged_all(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield merged(path.lstrip("/"))


def content(archive: tarfile.TarFile, member: tarfile.TarInfo | str) -> IO[bytes]:
    """A file of an archive.

    Raises:
        ValueError: it is a folder or a device.
    """
    found = archive.extractfile(member)
    if found is None:
        raise ValueError(f"{member} is no file")
    return found
