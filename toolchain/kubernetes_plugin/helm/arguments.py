"""A release's inputs. Owns their vocabulary, the merged values, the chart's checksum, and helm's command lines."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from toolchain.kubernetes_plugin.errors import PluginError
from toolchain.kubernetes_plugin.values import UNKNOWN, Asset, Properties, plain

DEFAULT_SECONDS = 300
_REFUSED = {
    "postrender": "helm 4 takes post-renderers only as plugins",
    "allowNullValues": "the stand-in always keeps null values out",
    "recreatePods": "helm 4 no longer restarts pods",
    "lint": "run `helm lint` in the checks of the chart",
    "manifest": "it is computed, and the stand-in does not keep it",
    "verify": "the stand-in does not verify signatures",
    "keyring": "the stand-in does not verify signatures",
}
_SUPPORTED = frozenset(
    {
        "atomic",
        "chart",
        "cleanupOnFail",
        "compat",
        "createNamespace",
        "dependencyUpdate",
        "description",
        "devel",
        "disableCRDHooks",
        "disableOpenapiValidation",
        "disableWebhooks",
        "forceUpdate",
        "maxHistory",
        "name",
        "namespace",
        "renderSubchartNotes",
        "replace",
        "repositoryOpts",
        "resetValues",
        "resourceNames",
        "reuseValues",
        "skipAwait",
        "skipCrds",
        "takeOwnership",
        "timeout",
        "valueYamlFiles",
        "values",
        "version",
        "waitForJobs",
        "checksum",
        "status",
    }
)
_REPOSITORY = {"repo": "--repo", "username": "--username", "password": "--password", "caFile": "--ca-file"}
_REPOSITORY |= {"certFile": "--cert-file", "keyFile": "--key-file"}
_BOTH = {
    "atomic": "--rollback-on-failure",
    "dependencyUpdate": "--dependency-update",
    "devel": "--devel",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "renderSubchartNotes": "--render-subchart-notes",
    "takeOwnership": "--take-ownership",
    "forceUpdate": "--force-replace",
}
_INSTALL = {
    "createNamespace": "--create-namespace",
    "skipCrds": "--skip-crds",
    "replace": "--replace",
    "disableWebhooks": "--no-hooks",
}
_UPGRADE = {
    "cleanupOnFail": "--cleanup-on-fail",
    "resetValues": "--reset-values",
    "reuseValues": "--reuse-values",
    "disableCRDHooks": "--no-hooks",
}


def refuse_unsupported(inputs: Properties) -> None:
    """Refuses what the stand-in cannot do; `False` and empty mean the same as leaving an input out.

    Raises:
        PluginError: an input is not supported.
    """
    for key, value in plain(inputs).items():
        if key in _SUPPORTED or key.startswith("__") or value in (False, "", None):
            continue
        reason = _REFUSED.get(key, f"a Release has: {', '.join(sorted(_SUPPORTED))}")
        raise PluginError(f"Release input `{key}`", reason, "remove it")
    if not plain(inputs).get("chart"):
        raise PluginError("Release without `chart`", "it names a chart, a folder or an archive", "set `chart`")


def merged_values(inputs: Properties) -> dict[str, Any]:
    """The value files in order, each over the one before, and `values` over them all."""
    merged: dict[str, Any] = {}
    for file in plain(inputs).get("valueYamlFiles") or []:
        if not isinstance(file, Asset):
            raise PluginError("valueYamlFiles", "each is a FileAsset or StringAsset", "pass pulumi.FileAsset(path)")
        merged = _over(merged, yaml.safe_load(file.text) or {})
    return _over(merged, plain(inputs).get("values") or {})


def _over(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def checksum(inputs: Properties) -> str | None:
    """What the release would install: the chart's files (of a local chart) and the merged values; None if unknown."""
    values = plain(inputs)
    chart = values["chart"]
    if chart is UNKNOWN:
        return None
    digest = hashlib.sha256(json.dumps([chart, values.get("version")], default=str).encode())
    digest.update(json.dumps(merged_values(inputs), sort_keys=True, default=str).encode())
    path = Path(chart)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def seconds(inputs: Properties, custom: float) -> int:
    """How long helm may wait: customTimeouts, else the release's `timeout`, else 300 s."""
    return int(custom or plain(inputs).get("timeout") or DEFAULT_SECONDS)


def command(action: str, inputs: Properties, values_file: Path, custom_timeout: float) -> list[str]:
    """The arguments of `helm install`, `helm upgrade` or `helm template`."""
    given = plain(inputs)
    line = [action, given["name"], str(given["chart"]), "--namespace", given["namespace"], "--values", str(values_file)]
    if given.get("version"):
        line += ["--version", str(given["version"])]
    for key, option in _REPOSITORY.items():
        if value := (given.get("repositoryOpts") or {}).get(key):
            line += [option, str(value)]
    if action == "template":
        return line + ([] if given.get("skipCrds") else ["--include-crds"])
    flags = _BOTH | (_INSTALL if action == "install" else _UPGRADE)
    line += [option for key, option in flags.items() if given.get(key)]
    if given.get("description"):
        line += ["--description", str(given["description"])]
    if action == "upgrade":
        line += ["--history-max", str(given.get("maxHistory") or 0)]
        if not given.get("reuseValues") and not given.get("resetValues"):
            line.append("--reset-values")  # else helm takes the last revision's values when the program gives none
    if not given.get("skipAwait"):
        line += ["--wait=legacy"] + (["--wait-for-jobs"] if given.get("waitForJobs") else [])
    return [*line, "--timeout", f"{seconds(inputs, custom_timeout)}s", "--output", "json"]
