"""The gRPC service `pulumirpc.ResourceProvider`. Owns the protocol: messages in, messages out, errors as statuses."""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from toolchain.kubernetes_plugin import VERSION, metadata, state
from toolchain.kubernetes_plugin import config as configuration
from toolchain.kubernetes_plugin.cluster_access import Connection, connect
from toolchain.kubernetes_plugin.engine import Engine
from toolchain.kubernetes_plugin.errors import ApiError, PluginError
from toolchain.kubernetes_plugin.helm import Releases
from toolchain.kubernetes_plugin.objects import InitFailedError, Objects
from toolchain.kubernetes_plugin.values import decode, encode, plain

RELEASE = "kubernetes:helm.sh/v3:Release"
WORKERS = 256
_REFUSED_MODULES = ("yaml/v2", "kustomize/v2", "helm.sh/v4")
_Answer = TypeVar("_Answer")


class Provider(provider_pb2_grpc.ResourceProviderServicer):  # type: ignore[misc,unused-ignore]
    """One configured provider. Requests come in parallel, each in a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.cancelled = engine, threading.Event()
        self._connect(configuration.ProviderConfig(), Connection(None, "the provider is not configured"))

    def _connect(self, settings: configuration.ProviderConfig, connection: Connection) -> None:
        parts = (settings, connection.cluster, connection.unreachable, self.engine, self.cancelled)
        self.objects, self.releases = Objects(*parts), Releases(*parts)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Says what this plugin understands, before anything else."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The version that the stand-in stands in for."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A schema with the name and version only: the SDK that programs use ships on PyPI."""
        schema = {"name": "kubernetes", "version": VERSION, "resources": {}, "functions": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> Any:
        """No mapping from another ecosystem."""
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> Any:
        """No mapping from another ecosystem."""
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses settings that the stand-in does not honour."""
        failed = configuration.failures(decode(request.news))
        failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failed]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Another cluster means another provider; other changes are taken over in place."""

        def answer() -> Any:
            olds, news = decode(request.old_inputs) or decode(request.olds), decode(request.news)
            changed = [key for key in {*olds, *news} if plain(olds.get(key)) != plain(news.get(key))]
            before, after = configuration.identity(olds), configuration.identity(news)
            replaces = ["kubeconfig"] if before and after and before != after else []
            kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
            return provider_pb2.DiffResponse(changes=kind, diffs=changed, replaces=replaces)

        return guarded(context, answer)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Connects to the cluster. One that is unknown or does not answer is an error only when it is needed."""

        def answer() -> Any:
            inputs = decode(request.args)
            settings = configuration.parse(inputs)
            self._connect(settings, connect(inputs, settings, self.cancelled))
            return provider_pb2.ConfigureResponse(
                acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
            )

        return guarded(context, answer)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """No functions: what a program would call is refused by name."""
        message = f"the function {request.tok} is not supported by the stand-in of the Kubernetes plugin"
        context.abort(grpc.StatusCode.UNIMPLEMENTED, message)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Inputs with their defaults."""

        def answer() -> Any:
            olds, news = decode(request.olds), decode(request.news)
            _refuse_foreign(request.urn)
            try:
                if _is_release(request.urn):
                    inputs = self.releases.check(request.urn, olds, news, request.randomSeed)
                else:
                    proposed = _proposed_name(request)
                    inputs = self.objects.check(request.urn, olds, news, request.randomSeed, proposed)
            except PluginError as error:
                failure = provider_pb2.CheckFailure(reason=str(error))
                return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
            return provider_pb2.CheckResponse(inputs=encode(inputs))

        return guarded(context, answer)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """What changes and whether it means a replacement."""

        def answer() -> Any:
            olds, news = decode(request.olds), decode(request.news)
            before = decode(request.old_inputs) or plain(olds.get(state.INPUTS) or {})
            ignored = list(request.ignoreChanges)
            if _is_release(request.urn):
                return self.releases.diff(before, olds, news, ignored).response()
            return self.objects.diff(request.urn, before, olds, news, ignored).response()

        return guarded(context, answer)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Makes the resource and waits for it."""

        def answer() -> Any:
            inputs = decode(request.properties)
            kind = self.releases if _is_release(request.urn) else self.objects
            id_, outputs = kind.create(request.urn, inputs, request.timeout, request.preview)
            return provider_pb2.CreateResponse(id=id_, properties=encode(outputs))

        return guarded(context, answer)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Changes the resource and waits for it."""

        def answer() -> Any:
            olds, news = decode(request.olds), decode(request.news)
            if _is_release(request.urn):
                outputs = self.releases.update(request.urn, news, request.timeout, request.preview)
            else:
                outputs = self.objects.update(request.urn, news, olds, request.timeout, request.preview)
            return provider_pb2.UpdateResponse(properties=encode(outputs))

        return guarded(context, answer)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The resource as it is now; an empty id says that it is gone."""

        def answer() -> Any:
            inputs, olds = decode(request.inputs), decode(request.properties)
            if _is_release(request.urn):
                found = self.releases.read(request.id, inputs)
            else:
                found = self.objects.read(request.urn, request.id, inputs, olds)
            if found is None:
                return provider_pb2.ReadResponse()
            outputs, fresh = found
            return provider_pb2.ReadResponse(id=request.id, properties=encode(outputs), inputs=encode(fresh))

        return guarded(context, answer)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Removes the resource and waits until it is gone."""

        def answer() -> Any:
            olds = decode(request.properties)
            if _is_release(request.urn):
                inputs = decode(request.old_inputs) or olds
                self.releases.delete(request.urn, request.id, inputs, request.timeout)
            else:
                self.objects.delete(request.urn, request.id, olds, request.timeout)
            return empty_pb2.Empty()

        return guarded(context, answer)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Ends every wait; what was made so far is remembered by the engine."""
        self.cancelled.set()
        return empty_pb2.Empty()


def _is_release(urn: str) -> bool:
    return metadata.urn_type(urn) == RELEASE


def _refuse_foreign(urn: str) -> None:
    token = metadata.urn_type(urn)
    if token.split(":")[1] in _REFUSED_MODULES or (token.endswith("Patch") and _is_patch(token)):
        raise PluginError(f"the type {token}", "the stand-in serves plain objects and Helm Releases", "use those")


def _is_patch(token: str) -> bool:
    """Whether the token is one of the SDK's Patch resources: their kind ends in Patch in a built-in group."""
    group = token.split(":")[1].partition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _proposed_name(request: Any) -> str:
    """The name that the project's auto-naming configuration proposes, empty where it proposes none."""
    return str(request.autonaming.proposed_name) if request.HasField("autonaming") else ""


def guarded(context: grpc.ServicerContext, answer: Callable[[], _Answer]) -> _Answer:
    """The answer; an exception becomes a status with a message for the user."""
    try:
        return answer()
    except InitFailedError as failure:
        _abort(context, str(failure), failure)
    except (PluginError, ApiError, ValueError) as error:
        _abort(context, str(error))
    except Exception as error:  # a defect of the plugin: say where
        sys.stderr.write(traceback.format_exc())
        _abort(context, f"the stand-in of the Kubernetes plugin failed: {type(error).__name__}: {error}")
    raise AssertionError("unreachable: abort raises")


def _abort(context: grpc.ServicerContext, message: str, failure: InitFailedError | None = None) -> None:
    """Ends the call with status Unknown, as Go's errors do; a half-made resource travels in the details."""
    if failure is not None:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=failure.id, properties=encode(failure.outputs), reasons=failure.reasons
        )
        packed = any_pb2.Any()
        packed.Pack(detail)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)


def _follow_parent() -> None:
    """Ends this process when the engine is gone, so that an engine that was killed leaves no plugin behind."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(0)


def serve(engine_address: str) -> None:
    """Serves until the engine ends the process; prints the port first, as the engine expects."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=WORKERS),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(Engine(engine_address)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_follow_parent, daemon=True).start()
    server.wait_for_termination()
