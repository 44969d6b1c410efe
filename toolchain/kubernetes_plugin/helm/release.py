"""Helm releases as resources: check, diff, create, read, update, delete. Knows no gRPC."""

import copy
import json
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from toolchain.kubernetes_plugin import metadata
from toolchain.kubernetes_plugin.config import ProviderConfig
from toolchain.kubernetes_plugin.diagnostics import Doctor
from toolchain.kubernetes_plugin.diff import Verdict, judge
from toolchain.kubernetes_plugin.discovery import Cluster
from toolchain.kubernetes_plugin.engine import Engine
from toolchain.kubernetes_plugin.errors import ApiError, AwaitError, PluginError, UnreachableError
from toolchain.kubernetes_plugin.helm import arguments
from toolchain.kubernetes_plugin.helm.program import QUERY_SECONDS, Helm, HelmError
from toolchain.kubernetes_plugin.objects import InitFailedError
from toolchain.kubernetes_plugin.state import INPUTS
from toolchain.kubernetes_plugin.values import Properties, Secret, has_unknown, keep_secrets, plain

_COMPUTED = ("status", "resourceNames", INPUTS)
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
_SLACK_SECONDS = 60


@dataclass
class Releases:
    """The resources that are Helm releases, on one cluster (None: not known yet, or it does not answer)."""

    config: ProviderConfig
    cluster: Cluster | None
    unreachable: str
    engine: Engine
    cancelled: threading.Event

    def check(self, urn: str, old: Properties, new: Properties, seed: bytes) -> Properties:
        """The inputs with name, namespace, timeout and checksum filled in. Raises PluginError on what cannot work."""
        arguments.refuse_unsupported(new)
        inputs = copy.deepcopy(new)
        if not inputs.get("name"):
            inputs["name"] = old.get("name") or f"{metadata.urn_name(urn)}-{metadata.random_hex(seed, urn)}"
        if not inputs.get("namespace"):
            inputs["namespace"] = self.config.namespace or (
                self.cluster.default_namespace if self.cluster else "default"
            )
        if not inputs.get("skipAwait"):
            inputs.setdefault("timeout", arguments.DEFAULT_SECONDS)
        if inputs.pop("valueYamlFiles", None):
            inputs["values"] = keep_secrets(arguments.merged_values(new), new.get("values") or {})
        if not has_unknown(inputs) and (digest := arguments.checksum(inputs)):
            inputs["checksum"] = digest
        return inputs

    def diff(self, old_inputs: Properties, old_state: Properties, new: Properties, ignored: list[str]) -> Verdict:
        """What changes; another name or namespace is another release. A release that is not deployed always differs."""
        old = {key: value for key, value in old_inputs.items() if key not in _COMPUTED}
        verdict = judge(old, new, ("name", "namespace"), ignored)
        status = (plain(old_state).get("status") or {}).get("status")
        if status not in (None, "deployed") and not verdict.changes:
            verdict = judge({"status": status}, {"status": "deployed"}, (), [])
        return verdict

    def create(self, urn: str, inputs: Properties, timeout: float, preview: bool) -> tuple[str, Properties]:
        """Installs. What an interrupted or failed first install left behind is removed before.

        Raises:
            InitFailedError: the release exists but failed. PluginError: it was not made.
        """
        if preview:
            return "", self._previewed(inputs)
        helm, given = self._helm(), plain(inputs)
        existing = self._history(helm, given)
        id_ = f"{given['namespace']}/{given['name']}"
        if existing:
            if any(item["status"] in ("deployed", "superseded") for item in existing) and not self.config.upsert:
                raise PluginError(
                    f"Helm release {id_} already exists",
                    "a resource is made new unless the provider says `upsertExistingObjects`",
                    f"take it over with `pulumi import kubernetes:helm.sh/v3:Release <name> {id_}`, or uninstall it",
                )
            self._mend(helm, given, existing)
        action = "upgrade" if self._history(helm, given) else "install"
        return id_, self._run(urn, helm, action, inputs, timeout)

    def update(self, urn: str, inputs: Properties, timeout: float, preview: bool) -> Properties:
        """Upgrades; a release that is pending from an interrupted run is rolled back, or removed, before."""
        if preview:
            return self._previewed(inputs)
        helm, given = self._helm(), plain(inputs)
        existing = self._history(helm, given)
        self._mend(helm, given, existing)
        action = "upgrade" if self._history(helm, given) else "install"
        return self._run(urn, helm, action, inputs, timeout)

    def read(self, id_: str, inputs: Properties) -> tuple[Properties, Properties] | None:
        """The outputs and inputs of the release as it is now, None where it is gone."""
        if self.cluster is None and self.config.delete_unreachable:
            return None
        helm = self._helm()
        namespace, name = metadata.split_identifier(id_)
        known = {**inputs, "name": name, "namespace": namespace or "default"}
        found = helm.query(["status", name, "--namespace", known["namespace"]])
        if found is None or (found.get("info") or {}).get("status") == "uninstalled":
            return None
        if not inputs:
            known["values"] = helm.query(["get", "values", name, "--namespace", known["namespace"]]) or {}
            known["chart"] = self._attributes(helm, known).get("chart", "")
        elif self._values_drifted(helm, known):
            known["values"] = helm.query(["get", "values", name, "--namespace", known["namespace"]]) or {}
            known["checksum"] = "drifted"
        known = keep_secrets(known, inputs)
        return self._outputs(helm, known), known

    def delete(self, urn: str, id_: str, inputs: Properties, timeout: float) -> None:
        """Uninstalls and waits until the objects are gone. A release that is gone already is fine."""
        if self.cluster is None and self.config.delete_unreachable:
            self.engine.warn(urn, f"dropped from the state, since the cluster does not answer: {self.unreachable}")
            return
        namespace, name = metadata.split_identifier(id_)
        limit = arguments.seconds(inputs, timeout)
        self._uninstall(self._helm(), name, namespace or "default", limit, wait=not plain(inputs).get("skipAwait"))

    def _uninstall(self, helm: Helm, name: str, namespace: str, limit: int, *, wait: bool) -> None:
        line = ["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", f"{limit}s"]
        helm.run([*line, "--wait=legacy"] if wait else line, limit + _SLACK_SECONDS)

    def _previewed(self, inputs: Properties) -> Properties:
        """The inputs, after helm has rendered them: an error in a template or a value shows in the preview."""
        chart = plain(inputs).get("chart")
        if has_unknown(inputs) or not Path(str(chart)).exists():
            return inputs
        manifest = self._rendered(inputs)
        return {**inputs, "resourceNames": _resource_names(manifest, plain(inputs)["namespace"])}

    def _rendered(self, inputs: Properties) -> str:
        helm = Helm(None, self.config, self.cancelled)
        with _values_file(inputs) as values:
            return helm.run(arguments.command("template", inputs, values, 0), QUERY_SECONDS)

    def _run(self, urn: str, helm: Helm, action: str, inputs: Properties, timeout: float) -> Properties:
        self.engine.status(urn, f"helm {action}")
        limit = arguments.seconds(inputs, timeout) + _SLACK_SECONDS
        try:
            with _values_file(inputs) as values:
                helm.run(arguments.command(action, inputs, values, timeout), limit)
        except HelmError as error:
            self._failed(helm, inputs, error)
        outputs = self._outputs(helm, inputs)
        if self.cluster:
            self.cluster.discovery.forget()  # the chart may have brought definitions
        return outputs

    def _failed(self, helm: Helm, inputs: Properties, error: HelmError) -> None:
        """Raises InitFailedError where the release exists, so that the next update mends it; else helm's own error."""
        given = plain(inputs)
        if not self._history(helm, given):
            raise error
        id_ = f"{given['namespace']}/{given['name']}"
        reasons = self._explain(helm, given)
        failure = AwaitError(f"Helm release {id_} failed: {error}", {}, reasons)
        raise InitFailedError(id_, self._outputs(helm, inputs), failure) from error

    def _mend(self, helm: Helm, given: Properties, history: list[dict[str, Any]]) -> None:
        """Brings a release with an unfinished operation into a state from which it can be upgraded or installed."""
        if not history or history[-1]["status"] in ("deployed", "superseded"):
            return
        good = [item for item in history if item["status"] in ("deployed", "superseded")]
        place = [given["name"], "--namespace", given["namespace"]]
        limit = arguments.seconds(given, 0)
        if not good:  # what is being deleted, such as a namespace, would refuse what is installed next
            self._uninstall(helm, given["name"], given["namespace"], limit, wait=True)
        elif history[-1]["status"].startswith("pending"):
            helm.run(["rollback", place[0], str(good[-1]["revision"]), *place[1:]], limit + _SLACK_SECONDS)

    def _history(self, helm: Helm, given: Properties) -> list[dict[str, Any]]:
        return helm.query(["history", given["name"], "--namespace", given["namespace"]]) or []

    def _values_drifted(self, helm: Helm, known: Properties) -> bool:
        """Whether somebody upgraded the release with other values than the program's."""
        if has_unknown(known):
            return False
        live = helm.query(["get", "values", known["name"], "--namespace", known["namespace"]]) or {}
        return bool(json.dumps(live, sort_keys=True) != json.dumps(arguments.merged_values(known), sort_keys=True))

    def _attributes(self, helm: Helm, given: Properties) -> dict[str, Any]:
        found = helm.query(["get", "metadata", given["name"], "--namespace", given["namespace"]])
        return dict(found or {})

    def _outputs(self, helm: Helm, inputs: Properties) -> Properties:
        given = plain(inputs)
        found = self._attributes(helm, given)
        manifest = helm.run(["get", "manifest", given["name"], "--namespace", given["namespace"]], QUERY_SECONDS)
        status = {
            key: found.get(key) for key in ("name", "namespace", "revision", "chart", "version", "appVersion", "status")
        }
        names = _resource_names(manifest, given["namespace"])
        return {**inputs, "status": status, "resourceNames": names, INPUTS: Secret(plain(_storable(inputs)))}

    def _explain(self, helm: Helm, given: Properties) -> list[str]:
        """Why the workloads of the release are not ready."""
        if self.cluster is None:
            return []
        try:
            manifest = helm.run(["get", "manifest", given["name"], "--namespace", given["namespace"]], QUERY_SECONDS)
        except HelmError as error:
            return [str(error)]
        doctor, reasons = Doctor(self.cluster), []
        for item in _documents(manifest):
            if item.get("kind") in _WORKLOADS:
                namespace, name = metadata.namespace_of(item) or given["namespace"], metadata.name_of(item)
                try:
                    live = self.cluster.get(item["apiVersion"], item["kind"], namespace, name)
                except ApiError:
                    reasons.append(f"{item['kind']} {namespace}/{name} does not exist")
                    continue
                reasons += doctor.events(namespace, item["kind"], name)
                reasons += doctor.explain(namespace, live["spec"].get("selector"))
        return reasons

    def _helm(self) -> Helm:
        if self.cluster is None:
            raise UnreachableError(
                f"the cluster cannot be reached: {self.unreachable}",
                "a release is installed on a cluster that answers",
                "check the provider's kubeconfig",
            )
        return Helm(self.cluster.client.access, self.config, self.cancelled)


def _storable(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key not in _COMPUTED}


class _values_file:  # noqa: N801 - used like a function
    """The merged values in a private file while the body runs."""

    def __init__(self, inputs: Properties) -> None:
        self._values = arguments.merged_values(inputs)
        self._file = tempfile.NamedTemporaryFile("w", suffix=".json")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Path:
        json.dump(self._values, self._file)
        self._file.flush()
        return Path(self._file.name)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _documents(manifest: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [item for item in yaml.load_all(manifest, Loader=loader) if isinstance(item, dict)]


def _resource_names(manifest: str, namespace: str) -> dict[str, list[str]]:
    """The objects of a manifest: `Kind/version` → names, as the real plugin lists them."""
    names: dict[str, list[str]] = {}
    for item in _documents(manifest):
        key = f"{item.get('kind')}.{item.get('apiVersion')}"
        place = metadata.namespace_of(item) or namespace
        names.setdefault(key, []).append(f"{place}/{metadata.name_of(item)}")
    return {key: sorted(value) for key, value in sorted(names.items())}
