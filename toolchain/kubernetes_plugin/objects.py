"""Kubernetes objects as resources: check, diff, create, read, update, delete. Knows no gRPC."""

import copy
import os
import threading
from dataclasses import dataclass
from typing import Any

from toolchain.kubernetes_plugin import metadata, state
from toolchain.kubernetes_plugin.awaiting import Wait, await_gone, await_ready
from toolchain.kubernetes_plugin.config import ProviderConfig
from toolchain.kubernetes_plugin.diff import Verdict, judge
from toolchain.kubernetes_plugin.discovery import Cluster, UnknownKindError
from toolchain.kubernetes_plugin.engine import Engine
from toolchain.kubernetes_plugin.errors import ApiError, AwaitError, PluginError, UnreachableError
from toolchain.kubernetes_plugin.immutable import force_new
from toolchain.kubernetes_plugin.values import Properties, has_unknown, keep_secrets, plain, to_kubernetes

Object = dict[str, Any]
_PROPAGATION = ("Background", "Foreground", "Orphan")
_DEFINITION = "CustomResourceDefinition"


class InitFailedError(Exception):
    """The object exists, but is not ready: the engine is to remember it and to try again."""

    def __init__(self, id_: str, outputs: Properties, error: AwaitError) -> None:
        self.id, self.outputs, self.reasons = id_, outputs, error.reasons
        super().__init__(str(error))


@dataclass
class Objects:
    """The resources that are plain objects, on one cluster (None: not known yet, or it does not answer)."""

    config: ProviderConfig
    cluster: Cluster | None
    unreachable: str
    engine: Engine
    cancelled: threading.Event

    def check(self, urn: str, old: Properties, new: Properties, seed: bytes, proposed: str) -> Properties:
        """The inputs with name and namespace filled in.

        Raises:
            PluginError: an input can never work.
        """
        inputs = copy.deepcopy(new)
        api_version, kind = metadata.type_of(urn)
        inputs.setdefault("apiVersion", api_version)
        inputs.setdefault("kind", kind)
        self._check_metadata(inputs)
        if old:
            metadata.adopt_name(inputs, plain(old))
        metadata.assign_name(inputs, urn, seed, proposed)
        if not metadata.section(inputs).get("namespace") and self._namespaced(inputs):
            metadata.section(inputs)["namespace"] = self._default_namespace()
        return inputs

    def _check_metadata(self, inputs: Properties) -> None:
        values = inputs.get("metadata")
        if isinstance(values, dict) and values.get("generateName") and not values.get("name"):
            raise PluginError(
                "metadata.generateName", "server-side apply needs a name", "set `name`, or neither for an auto-name"
            )
        unknown = [
            key
            for key in (values.get("annotations") or {} if isinstance(values, dict) else {})
            if key.startswith("pulumi.com/") and key not in metadata.KNOWN
        ]
        if unknown:
            raise PluginError(
                f"annotation {', '.join(unknown)}",
                f"the stand-in knows: {', '.join(sorted(metadata.KNOWN))}",
                "remove it or correct its spelling",
            )

    def _namespaced(self, inputs: Properties) -> bool:
        if self.cluster is None:
            return inputs["kind"] not in CLUSTER_SCOPED
        try:
            return self.cluster.discovery.find(inputs["apiVersion"], inputs["kind"]).namespaced
        except UnknownKindError:
            return inputs["kind"] not in CLUSTER_SCOPED and not inputs["kind"].startswith("Cluster")

    def _default_namespace(self) -> str:
        return self.config.namespace or (self.cluster.default_namespace if self.cluster else "default")

    def diff(
        self, urn: str, old_inputs: Properties, old_state: Properties, new: Properties, ignored: list[str]
    ) -> Verdict:
        """What changes. Asks the server by a dry run whether a change in place is allowed."""
        old, wanted = to_kubernetes(plain(old_inputs)), to_kubernetes(plain(new))
        if old_state.get(state.IMPORTED):
            old = state.refreshed(wanted, old)
        for side in (old, wanted):
            side.setdefault("metadata", {})
        self._ignore_defaulted_namespace(old, wanted)
        forced = force_new(wanted, self.config.config_map_mutable, self.config.secret_mutable)
        verdict = judge(old, wanted, forced, ignored)
        if verdict.changes and not verdict.replaces and not ignored and self._refused_in_place(wanted, old_state):
            verdict.replaces = [change.path for change in verdict.changes]
        verdict.replaces += self._unready_job(wanted, old_state)
        same = metadata.identifier(wanted) == metadata.identifier(state.without_bookkeeping(old_state))
        given = not metadata.annotated_true(wanted, metadata.AUTONAMED)
        verdict.delete_first = bool(verdict.replaces) and given and same
        return verdict

    def _ignore_defaulted_namespace(self, old: Object, new: Object) -> None:
        """A namespace on one side is no change: the type's scope may have been unknown when that side was checked."""
        if bool(metadata.namespace_of(old)) != bool(metadata.namespace_of(new)) and not has_unknown(new["metadata"]):
            old["metadata"].pop("namespace", None)
            new["metadata"].pop("namespace", None)

    def _refused_in_place(self, wanted: Object, old_state: Properties) -> bool:
        if self.cluster is None or has_unknown(wanted):
            return False
        try:
            self._apply(wanted, self._manager(wanted, old_state), dry_run=True, force=True)
        except ApiError as error:
            return error.immutable
        except PluginError:
            return False  # an unknown type or a lost server is reported by the update itself
        return False

    def _unready_job(self, wanted: Object, old_state: Properties) -> list[tuple[str | int, ...]]:
        if (
            self.cluster is None
            or wanted.get("kind") != "Job"
            or not metadata.annotated_true(wanted, metadata.REPLACE_UNREADY)
        ):
            return []
        try:
            live = self.cluster.live(state.without_bookkeeping(old_state))
        except ApiError as error:
            if error.not_found:
                return []
            raise
        done = any(
            c.get("type") == "Complete" and c.get("status") == "True"
            for c in (live.get("status") or {}).get("conditions") or []
        )
        return [] if done else [("metadata", "annotations", metadata.REPLACE_UNREADY)]

    def create(self, urn: str, inputs: Properties, timeout: float, preview: bool) -> tuple[str, Properties]:
        """Makes the object and waits until it is ready.

        Returns:
            The resource's id (empty in a preview) and its outputs.

        Raises:
            InitFailedError: it was made but is not ready. ApiError, PluginError: it was not made.
        """
        wanted = to_kubernetes(plain(inputs))
        if preview and (self.cluster is None or has_unknown(wanted)):
            return "", inputs
        manager = self._manager(wanted, {})
        if preview:
            return "", self._previewed(inputs, wanted, manager)
        self._correct_scope(wanted)
        self._refuse_existing(wanted)
        live = self._explained(wanted, manager)
        outputs = self._await(urn, inputs, live, manager, timeout)
        return metadata.identifier(live), outputs

    def update(self, urn: str, inputs: Properties, old_state: Properties, timeout: float, preview: bool) -> Properties:
        """Changes the object and waits until it is ready; returns its outputs. Raises like `create`."""
        wanted = to_kubernetes(plain(inputs))
        if preview and (self.cluster is None or has_unknown(wanted)):
            return inputs
        manager = self._manager(wanted, old_state)
        if preview:
            return self._previewed(inputs, wanted, manager)
        self._correct_scope(wanted)
        live = self._explained(wanted, manager)
        return self._await(urn, inputs, live, manager, timeout)

    def _previewed(self, inputs: Properties, wanted: Object, manager: str) -> Properties:
        """The outputs by a dry run. What cannot be tried yet (its namespace may not exist) is passed over."""
        try:
            live = self._apply(wanted, manager, dry_run=True, force=True)
        except UnknownKindError:
            return inputs
        except ApiError as error:
            if error.code in (400, 422) and not error.immutable and "dry run" not in error.message:
                raise PluginError(
                    f"{wanted['kind']} {metadata.identifier(wanted)}: {error.message}",
                    "the server accepts the object in a dry run",
                    "correct the inputs",
                ) from error
            return inputs
        live.pop("status", None)
        return state.checkpoint(inputs, live, manager, wanted["apiVersion"])

    def _await(self, urn: str, inputs: Properties, live: Object, manager: str, timeout: float) -> Properties:
        cluster = self._reached()
        try:
            ready = await_ready(live, Wait(cluster, self.cancelled, self.engine.reporter(urn), timeout))
        except AwaitError as error:
            outputs = state.checkpoint(inputs, error.live, manager, live["apiVersion"])
            raise InitFailedError(metadata.identifier(live), outputs, error) from error
        except (ApiError, PluginError) as error:
            outputs = state.checkpoint(inputs, live, manager, live["apiVersion"])
            raise InitFailedError(metadata.identifier(live), outputs, AwaitError(str(error), live, [])) from error
        if ready["kind"] in (_DEFINITION, "APIService"):
            cluster.discovery.forget()
        return state.checkpoint(inputs, ready, manager, live["apiVersion"])

    def read(
        self, urn: str, id_: str, inputs: Properties, old_state: Properties
    ) -> tuple[Properties, Properties] | None:
        """The outputs and inputs of the object as it is now, None where it is gone.

        Raises:
            UnreachableError: the cluster does not answer and the provider is not told to pass over that.
        """
        if self.cluster is None:
            return self._read_unreachable(inputs, old_state)
        namespace, name = metadata.split_identifier(id_)
        api_version, kind = metadata.type_of(urn)
        api_version = str(plain(inputs).get("apiVersion") or api_version)
        try:
            live = self.cluster.get(api_version, kind, namespace, name)
        except UnknownKindError:
            return None
        except ApiError as error:
            if error.not_found:
                return None
            raise
        manager = self._manager(live, old_state)
        if not inputs:
            read = state.importable(live)
            return state.checkpoint(read, live, manager, api_version) | {state.IMPORTED: True}, read
        fresh = keep_secrets(state.refreshed(inputs, self._comparable(inputs, live)), inputs)
        return state.checkpoint(fresh, live, manager, api_version), fresh

    def _comparable(self, inputs: Properties, live: Object) -> Object:
        """The live object with a Secret's `stringData`, which the server never shows, taken from its data."""
        if live["kind"] != "Secret" or "stringData" not in inputs:
            return live
        import base64  # noqa: PLC0415 - for this one kind

        data = live.get("data") or {}
        texts = {
            key: base64.b64decode(data[key]).decode(errors="replace")
            for key in plain(inputs["stringData"])
            if key in data
        }
        return live | {"stringData": texts}

    def _read_unreachable(self, inputs: Properties, old_state: Properties) -> tuple[Properties, Properties] | None:
        if self.config.delete_unreachable:
            return None
        if self.config.skip_update_unreachable:
            return old_state, inputs
        raise UnreachableError(
            f"the state cannot be read: {self.unreachable}",
            "a refresh needs the cluster",
            "if the cluster is gone for good, run again with PULUMI_K8S_DELETE_UNREACHABLE=true",
        )

    def delete(self, urn: str, id_: str, old_state: Properties, timeout: float) -> None:
        """Deletes the object and waits until it is gone. One that is gone already is fine."""
        if self.cluster is None and self.config.delete_unreachable:
            self.engine.warn(urn, f"dropped from the state, since the cluster does not answer: {self.unreachable}")
            return
        cluster, old = self._reached(), state.without_bookkeeping(old_state)
        namespace, name = metadata.split_identifier(id_)
        policy = metadata.annotation(old, metadata.DELETION_PROPAGATION).capitalize() or "Foreground"
        if policy not in _PROPAGATION:
            raise PluginError(
                f"{metadata.DELETION_PROPAGATION}: {policy}", f"it is one of {_PROPAGATION}", "correct it"
            )
        try:
            path = cluster.discovery.find(old["apiVersion"], old["kind"]).path(namespace, name)
            uid = str(cluster.client.get(path)["metadata"]["uid"])
            cluster.client.delete(path, {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy})
        except UnknownKindError:
            return
        except ApiError as error:
            if error.not_found:
                return
            raise
        if not metadata.annotated_true(old, metadata.SKIP_AWAIT):
            wait = Wait(cluster, self.cancelled, self.engine.reporter(urn), timeout)
            await_gone(path, uid, wait, wait.seconds(old))
        if old["kind"] == _DEFINITION:
            cluster.discovery.forget()

    def _reached(self) -> Cluster:
        if self.cluster is None:
            raise UnreachableError(
                f"the cluster cannot be reached: {self.unreachable}",
                "a resource is made on a cluster that answers",
                "check the provider's kubeconfig",
            )
        return self.cluster

    def _manager(self, wanted: Object, old_state: Properties) -> str:
        given = metadata.annotation(wanted, metadata.PATCH_FIELD_MANAGER) or old_state.get(state.FIELD_MANAGER)
        return str(given or f"pulumi-kubernetes-{os.urandom(4).hex()}")

    def _correct_scope(self, wanted: Object) -> None:
        """Drops a namespace that was assumed for a type whose scope was not known when it was checked."""
        resource = self._reached().discovery.await_kind(wanted["apiVersion"], wanted["kind"])
        if not resource.namespaced:
            wanted["metadata"].pop("namespace", None)

    def _refuse_existing(self, wanted: Object) -> None:
        if self.config.upsert:
            return
        cluster = self._reached()
        try:
            cluster.live(wanted)
        except ApiError as error:
            if error.not_found:
                return
            raise
        raise PluginError(
            f"{wanted['kind']} {metadata.identifier(wanted)} already exists",
            "a resource is made new unless the provider says `upsertExistingObjects`",
            "take it over with `pulumi import`, delete it, or set `upsertExistingObjects` on the provider",
        )

    def _apply(self, wanted: Object, manager: str, dry_run: bool = False, force: bool | None = None) -> Object:
        cluster = self._reached()
        if force is None:
            stated = metadata.annotation(wanted, metadata.PATCH_FORCE)
            force = stated.lower() in ("true", "1") if stated else self.config.patch_force
        body = state.normalise(wanted)
        return cluster.client.apply(cluster.path_of(wanted), body, manager=manager, force=force, dry_run=dry_run)

    def _explained(self, wanted: Object, manager: str) -> Object:
        """Applies, and turns a refusal into words with a remedy."""
        title = f"{wanted['kind']} {metadata.identifier(wanted)}"
        try:
            return self._apply(wanted, manager)
        except ApiError as error:
            if error.apply_conflict:
                fields = "; ".join(f"{cause.get('field')}: {cause.get('message')}" for cause in error.causes)
                raise PluginError(
                    f"{title}: another manager owns fields of it: {fields}",
                    "a field has one owner, unless its taking over is forced",
                    f'remove the field from the program, or set the annotation {metadata.PATCH_FORCE}: "true"',
                ) from error
            causes = "".join(f"\n  - {cause.get('field')}: {cause.get('message')}" for cause in error.causes)
            raise PluginError(f"{title}: the API server refused it: {error.message}{causes}") from error


CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "GatewayClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
