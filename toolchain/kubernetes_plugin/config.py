"""The provider's configuration. Owns its vocabulary, its checks, and what a change of it does to the provider."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from toolchain.kubernetes_plugin.values import UNKNOWN, Properties, plain

_SUPPORTED_TEXT = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier")
_SUPPORTED_FLAGS = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "suppressHelmHookWarnings": "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
_SUPPORTED_OBJECTS = ("kubeClientSettings", "helmReleaseSettings")
_ENGINE_KEYS = ("version", "pluginDownloadURL", "pluginChecksums", "parameterization", "__internal", "__defaults")
_KEYS = (*_SUPPORTED_TEXT, *_SUPPORTED_FLAGS, *_SUPPORTED_OBJECTS, *_ENGINE_KEYS)
_REFUSED = {
    "renderYamlToDirectory": "the stand-in applies to a cluster and renders nothing to files",
    "alwaysRender": "the stand-in applies to a cluster and renders nothing to files",
}
_HELM_SETTINGS = (
    "registryConfigPath",
    "repositoryCache",
    "repositoryConfigPath",
    "driver",
    "pluginsPath",
    "suppressBetaWarning",
)


@dataclass(frozen=True)
class ProviderConfig:
    """The checked configuration. An empty text means "not set"."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    config_map_mutable: bool = False
    secret_mutable: bool = False
    patch_force: bool = False
    upsert: bool = False
    suppress_helm_hook_warnings: bool = False
    timeout: float = 32.0
    helm: dict[str, str] = field(default_factory=dict)


def _flag(inputs: Properties, name: str, default: bool = False) -> bool:
    value = inputs.get(name)
    if value is None or value is UNKNOWN:
        value = os.environ.get(_SUPPORTED_FLAGS[name], default)
    return str(value).lower() in ("true", "1", "t") if not isinstance(value, bool) else value


def _object(inputs: Properties, name: str) -> dict[str, Any]:
    value = inputs.get(name)
    if isinstance(value, str):
        value = json.loads(value)
    return value if isinstance(value, dict) else {}


def parse(inputs: Properties) -> ProviderConfig:
    """The configuration from the provider's inputs, environment variables where an input is missing."""
    known = {key: value for key, value in plain(inputs).items() if value is not UNKNOWN}
    texts = {key: str(known.get(key, "")) for key in ("kubeconfig", "context", "cluster", "namespace")}
    return ProviderConfig(
        **texts,
        delete_unreachable=_flag(known, "deleteUnreachable"),
        skip_update_unreachable=_flag(known, "skipUpdateUnreachable"),
        config_map_mutable=_flag(known, "enableConfigMapMutable"),
        secret_mutable=_flag(known, "enableSecretMutable"),
        patch_force=_flag(known, "enablePatchForce"),
        upsert=_flag(known, "upsertExistingObjects"),
        suppress_helm_hook_warnings=_flag(known, "suppressHelmHookWarnings"),
        timeout=float(_object(known, "kubeClientSettings").get("timeout") or 32),
        helm={key: str(value) for key, value in _object(known, "helmReleaseSettings").items()},
    )


def kubeconfig_unknown(inputs: Properties) -> bool:
    """Whether the preview does not know yet which cluster is meant."""
    values = plain(inputs)
    return any(values.get(key) is UNKNOWN for key in ("kubeconfig", "context", "cluster"))


def failures(inputs: Properties) -> list[tuple[str, str]]:
    """What is wrong with the provider's inputs: (property, reason) pairs, empty when all is well."""
    values = plain(inputs)
    found = [(key, f"`{key}` is not supported: {why}") for key, why in _REFUSED.items() if key in values]
    found += [
        (key, f"`{key}` is not a setting of the Kubernetes provider; it has: {', '.join(_KEYS[: -len(_ENGINE_KEYS)])}")
        for key in values
        if key not in _KEYS and key not in _REFUSED
    ]
    if not _flag(values, "enableServerSideApply", default=True):
        found.append(("enableServerSideApply", "the stand-in knows only server-side apply; leave it out or set true"))
    for name in _SUPPORTED_OBJECTS:
        found += _object_failures(values, name)
    return found


def _object_failures(values: Properties, name: str) -> list[tuple[str, str]]:
    known = _HELM_SETTINGS if name == "helmReleaseSettings" else ("burst", "qps", "timeout")
    if values.get(name) is UNKNOWN:
        return []
    try:
        settings = _object(values, name)
    except ValueError as error:
        return [(name, f"`{name}` is not a JSON object: {error}")]
    return [(f"{name}.{key}", f"`{key}` is not one of: {', '.join(known)}") for key in settings if key not in known]


def identity(inputs: Properties) -> tuple[str, ...] | None:
    """Which cluster the inputs name: `clusterIdentifier`, else the server's address; None where that is unknown.

    The real plugin compares the whole chosen context; the address is what makes two clusters different.
    """
    from toolchain.kubernetes_plugin import kubeconfig  # noqa: PLC0415 - parsing YAML is wanted only here
    from toolchain.kubernetes_plugin.errors import UnreachableError  # noqa: PLC0415

    values = plain(inputs)
    if identifier := values.get("clusterIdentifier"):
        return ("identifier", str(identifier)) if identifier is not UNKNOWN else None
    if kubeconfig_unknown(inputs):
        return None
    settings = parse(inputs)
    try:
        return ("server", kubeconfig.load(settings.kubeconfig, settings.context, settings.cluster).server)
    except UnreachableError:
        return None
