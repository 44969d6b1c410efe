"""What an image holds is read from its layers: the last one counts, and what a later layer removes is gone."""

import io
import json
import tarfile
from collections.abc import Mapping

from toolchain.audit import contents, sbom
from toolchain.audit.contents import Files, Package

STATUS = """\
Package: libssl3t64
Status: install ok installed
Architecture: amd64
Version: 3.5.1-1+deb13u1
Description: a library
 with Version: 1.0 in its text

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
"""
METADATA = "Metadata-Version: 2.4\nName: Prometheus_Client\nVersion: 0.22.1\n\nVersion: 9 says its description\n"
GO = """\
/scratch/0/1: go1.26.8
\tpath\tgithub.com/example/tool/cmd/tool
\tmod\tgithub.com/example/tool\tv1.2.3\th1:abc=
\tdep\tk8s.io/api\tv0.0.0\th1:def=
\t=>\tk8s.io/api\tv0.35.8\th1:ghi=
\tdep\tgopkg.in/yaml.v3\tv3.0.1\th1:jkl=
\tbuild\t-trimpath=true
"""
LIBSSL = Package("deb", "libssl3t64", "3.5.1-1+deb13u1", "amd64")
CLIENT = Package("pypi", "prometheus-client", "0.22.1")
PROGRAM = b"\x7fELF" + b"\0" * 600_000
WHEEL = "opt/venv/lib/python3.13/site-packages/prometheus_client-0.22.1.dist-info/METADATA"


def layer(files: Mapping[str, bytes | str], mode: int = 0o755) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            archive.addfile(member, io.BytesIO(data))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


def files(*layers: Mapping[str, bytes | str]) -> Files:
    found = Files()
    for number, one in enumerate(layers):
        found.add(number, layer(one))
    return found


def test_installed_packages_are_listed_and_removed_ones_are_not() -> None:
    assert files({"./var/lib/dpkg/status": STATUS, WHEEL: METADATA}).packages() == [LIBSSL, CLIENT]


def test_the_record_of_a_package_of_which_a_recipe_took_a_part_counts() -> None:
    assert files({"var/lib/dpkg/status.d/libssl3t64": STATUS.partition("\n\n")[0]}).packages() == [LIBSSL]


def test_a_later_layer_counts() -> None:
    newer = STATUS.replace("3.5.1-1+deb13u1", "3.5.9")
    (found,) = files({"var/lib/dpkg/status": STATUS}, {"var/lib/dpkg/status": newer}).packages()
    assert found.version == "3.5.9"


def test_what_a_later_layer_removes_is_gone() -> None:
    assert files({WHEEL: METADATA}, {WHEEL.replace("METADATA", ".wh.METADATA"): ""}).packages() == []
    assert files({WHEEL: METADATA}, {"opt/.wh.venv": ""}).packages() == []
    assert files({WHEEL: METADATA}, {"opt/venv/.wh..wh..opq": ""}).packages() == []
    assert files({WHEEL: METADATA}, {"opt/.wh.ven": ""}).packages() == [CLIENT]


def test_programs_that_no_debian_package_owns_are_looked_into() -> None:
    """Debian's lists may say /bin where the files lie in /usr/bin, and the other way round."""
    lists = {"var/lib/dpkg/info/nginx.list": "/.\n/bin/nginx\n/usr/bin/njs\n"}
    found = files(
        {**lists, "usr/bin/nginx": PROGRAM, "bin/njs": PROGRAM},
        {"usr/bin/cilium": PROGRAM, "usr/bin/small": b"\x7fELF"},
    )
    assert found.foreign_programs() == {"usr/bin/cilium": 1}


def test_go_s_own_list_names_modules_and_what_replaces_them() -> None:
    assert list(contents.go_packages(GO)) == [
        Package("golang", "github.com/example/tool", "v1.2.3"),
        Package("golang", "gopkg.in/yaml.v3", "v3.0.1"),
        Package("golang", "k8s.io/api", "v0.35.8"),
        Package("golang", "std", "1.26.8"),
    ]


def test_package_urls_are_of_their_kind() -> None:
    assert sbom.package_url(Package("deb", "libstdc++6", "1:14.2-19", "amd64")) == (
        "pkg:deb/debian/libstdc%2B%2B6@1%3A14.2-19?arch=amd64&distro=trixie"
    )
    assert sbom.package_url(CLIENT) == "pkg:pypi/prometheus-client@0.22.1"
    assert sbom.package_url(Package("golang", "k8s.io/api", "v0.35.8")) == "pkg:golang/k8s.io/api@v0.35.8"


def test_the_same_image_has_the_same_document() -> None:
    first, again = (sbom.document("catalog", "abc", [LIBSSL, CLIENT]) for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
    assert first["serialNumber"] != sbom.document("catalog", "abd", [])["serialNumber"]
    assert [one["name"] for one in first["components"]] == ["libssl3t64", "prometheus-client"]


def test_every_image_of_the_stack_has_a_document() -> None:
    assert {"catalog", "node", "kube-apiserver", "etcd", "cilium-agent"} <= set(sbom.names())
