"""Every object that the program makes, as a file: `make manifests`. No cluster is needed, and none is touched.

The program runs under the recording engine of the program's tests, so it is the program itself that is rendered, not a
second description of it. The definitions of kinds, which that engine leaves empty, are put in. What only a provider can
say (passwords, certificates, digests) is a placeholder.
"""

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from infra.settings import Settings
from toolchain import charts, definitions, paths, programs
from toolchain.errors import ToolchainError
from toolchain.shell import run

HELM_SECONDS = 60
RELEASE = "kubernetes:helm.sh/v3:Release"
CLUSTER_WIDE = frozenset(
    {
        *("APIService", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "GatewayClass"),
        *("IngressClass", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
        *("MutatingWebhookConfiguration", "Namespace", "PersistentVolume", "PriorityClass", "RuntimeClass"),
        *("StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        *("ValidatingWebhookConfiguration", "CiliumClusterwideNetworkPolicy", "CiliumLoadBalancerIPPool"),
        *("CiliumL2AnnouncementPolicy",),
    }
)
"""Kinds of which a chart writes no namespace because they have none."""

Object = dict[str, Any]


def folder() -> Path:
    """Where the rendered objects lie, one in a file: `<namespace, or _cluster>/<Kind>-<name>.yaml`."""
    return paths.state() / "manifests"


def render(settings: Settings) -> dict[Path, Object]:
    """Writes every object of the program into `folder()`, in place of what was there. Returns each by its file.

    Raises:
        ToolchainError: helm or Cilium's chart cannot be had, a chart does not render, or an object is made twice.
    """
    objects = write(list(_objects(settings)), folder())
    if not objects:
        raise ToolchainError("the program makes no object", "a rendered program has some", "read infra/__main__.py")
    return objects


def write(objects: list[Object], target: Path) -> dict[Path, Object]:
    """Each object in a file of its own below the target, which holds nothing else afterwards.

    Raises:
        ToolchainError: two objects are the same one to the API server.
    """
    shutil.rmtree(target, ignore_errors=True)
    written: dict[Path, Object] = {}
    for found in objects:
        file = target / _file(found)
        if file in written:
            raise ToolchainError(f"{name(found)} is made twice", "each object is made by one place", "remove one")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(found, sort_keys=False))
        written[file] = found
    return written


def name(found: Mapping[str, Any]) -> str:
    """How an object is called in findings and exceptions: `Kind/namespace/name`, or `Kind/name`."""
    metadata = found["metadata"]
    return "/".join(filter(None, [found["kind"], metadata.get("namespace"), metadata["name"]]))


def _file(found: Object) -> Path:
    metadata = found["metadata"]
    safe = str(metadata["name"]).replace(":", ".").replace("/", ".")
    return Path(metadata.get("namespace") or "_cluster") / f"{found['kind']}-{safe}.yaml"


def _objects(settings: Settings) -> Iterator[Object]:
    from tests.program.recording import record  # noqa: PLC0415 - pytest is there only where the program is developed

    config = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    recorded = record(charts.cilium(), config).kubernetes()
    releases = [found.inputs for found in recorded if found.type == RELEASE]
    defined = {whole["metadata"]["name"]: whole for whole in definitions.edge()}
    made = (found.inputs for found in recorded if "kind" in found.inputs)
    yield from (defined.get(found["metadata"]["name"], found) for found in made)
    programs.ensure("helm")
    with ThreadPoolExecutor(2) as pool:
        for rendered in pool.map(_render_release, releases):
            yield from rendered


def _render_release(release: Object) -> list[Object]:
    command = [str(programs.ensure("helm")), "template", str(release["name"]), str(release["chart"])]
    options = ["--namespace", str(release["namespace"]), "--include-crds", "--values", "-"]
    values = yaml.safe_dump(release.get("values", {}))
    text = run([*command, *options], seconds=HELM_SECONDS, remedy="correct the chart or its values", stdin=values)
    return [placed(found, str(release["namespace"])) for found in yaml.safe_load_all(text) if found]


def placed(found: Object, namespace: str) -> Object:
    """The object where helm puts it: in the release's namespace, unless it names one or has none."""
    if found["kind"] in CLUSTER_WIDE or found["metadata"].get("namespace"):
        return found
    return {**found, "metadata": {**found["metadata"], "namespace": namespace}}
