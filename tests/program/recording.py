"""An engine that records: it runs the whole program as Pulumi would, and keeps what the program asked for.

It does what the engine does with secrets: an input that is secret stays so in the outputs, and what a resource names in
`additionalSecretOutputs` becomes secret. Nothing is made: each resource gets the outputs that its provider would give.
"""

import asyncio
import hashlib
import runpy
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from images import builder
from infra.settings import ENVIRONMENT
from toolchain import charts, definitions

MAIN = Path(__file__).parents[2] / "infra" / "__main__.py"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The engine's mark of a secret value. Source: pulumi.runtime.rpc, and the engine's own `resource.SecretSig`."""
SIGNATURE = "4dabf18193072939515e22adb298388d"
KUBECONFIG = "apiVersion: v1\nkind: Config\nusers: [{name: admin, user: {token: the-administrators-token}}]\n"
Object = dict[str, Any]


@dataclass(frozen=True)
class Registered:
    """One resource as the program asked for it.

    Attributes:
        type: its token, such as `kubernetes:core/v1:Namespace`.
        name: its name in the program.
        urn: what others refer to it by.
        parent: the URN of the component that it belongs to.
        provider: the URN of the provider that makes it; empty for a component.
        wire: its inputs as they were sent, with the marks of secrets.
        depends_on: the URNs of what must be there before it.
        deleted_with: the URN of what takes it along.
        secret_outputs: the outputs that are kept as secrets though no input says so.
    """

    type: str
    name: str
    urn: str
    parent: str
    provider: str
    wire: Object
    depends_on: frozenset[str]
    deleted_with: str
    secret_outputs: frozenset[str]

    @property
    def inputs(self) -> Object:
        """The inputs as the provider gets them."""
        return dict(revealed(self.wire))


@dataclass
class Recorded:
    """A whole run: the resources in their order, and the stack's outputs as they were sent."""

    resources: list[Registered] = field(default_factory=list)
    outputs: Object = field(default_factory=dict)

    def of_type(self, token: str) -> list[Registered]:
        """The resources of a type, such as `kubernetes:apps/v1:Deployment`."""
        return [found for found in self.resources if found.type == token]

    def one(self, token: str, name: str | None = None) -> Registered:
        """The one resource of that type (and name)."""
        found = [one for one in self.of_type(token) if name in (None, one.name)]
        assert len(found) == 1, f"{len(found)} of {token} {name or ''}"
        return found[0]

    def kubernetes(self) -> list[Registered]:
        """Everything that lies in the cluster."""
        return [found for found in self.resources if found.type.startswith("kubernetes:")]

    def before(self, one: Registered) -> set[str]:
        """The URNs of all that is there when this one is made: what it, or a component around it, depends on."""
        known = {found.urn: found for found in self.resources}
        seen: set[str] = set()
        ahead = [one.urn]
        while ahead:
            here = known[ahead.pop()]
            new = {*here.depends_on, *filter(None, [here.parent])} - seen
            seen |= new
            ahead += new
        return seen

    def pod_specs(self) -> dict[str, Object]:
        """The pods that the program itself describes, by the name of their workload."""
        workloads = [found for found in self.kubernetes() if "template" in found.inputs.get("spec", {})]
        return {found.name: found.inputs["spec"]["template"]["spec"] for found in workloads}


def is_secret(value: object) -> bool:
    """Whether the value is marked as one."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def revealed(value: Any) -> Any:
    """The value without the marks: what a provider works with."""
    if is_secret(value):
        return revealed(value["value"])
    return _rebuilt(value, revealed)


def public(value: Any) -> Any:
    """The value as everybody may see it in the state and on the screen."""
    return "[secret]" if is_secret(value) else _rebuilt(value, public)


def _rebuilt(value: Any, part: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: part(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [part(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Outputs(mocks.Mocks):
    """What the providers would answer."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, Object]:
        inputs = dict(args.inputs)
        match args.typ.split("/")[-1].split(":")[-1], args.name:
            case "Provider", _:
                return "provider-id", inputs
            case "Resource", name if "node_image" in inputs:
                return name, inputs | _cluster(inputs["name"])
            case "Resource", name if "input_hash" in inputs:
                return name, inputs | {"digest": digest(name)}
            case "Resource", name if "domains" in inputs or "hosts" in inputs:
                return name, inputs | {"certificate": certificate(name), "key": password(name)}
            case "Resource", name:
                return name, inputs | {"value": password(name), "keys": drawn_keys(name)}
        return args.name, inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[Object, list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}, which is not needed")


class UnknownOutputs(Outputs):
    """A preview before anything exists: what only a provider can say is not known."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, Object]:
        id_, outputs = super().new_resource(args)
        given = {*args.inputs, "id"}
        return id_, {key: value if key in given else rpc.UNKNOWN for key, value in outputs.items()}


def _cluster(name: str) -> Object:
    addresses = ["172.18.255.200", "172.18.255.250"]
    return {"kubeconfig": KUBECONFIG, "load_balancer_range": addresses, "registry": f"{name}-registry:5000"}


def settled(make: Callable[[], Any]) -> Any:
    """The value of the output that the function makes, or of the outputs inside what it makes."""
    return _awaited(make, lambda output: output.future())


def settled_secret(make: Callable[[], pulumi.Output[Any]]) -> bool:
    """Whether the output that the function makes is a secret."""
    return bool(_awaited(make, lambda output: output.is_secret()))


def _awaited(make: Callable[[], Any], ask: Callable[[pulumi.Output[Any]], Awaitable[Any]]) -> Any:
    async def wait() -> Any:
        return await ask(pulumi.Output.from_input(make()))

    with ThreadPoolExecutor(1) as own_thread:
        return own_thread.submit(asyncio.run, wait()).result(timeout=10)


def digest(image: str) -> str:
    """The digest under which the recording engine "pushes" an image."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def password(name: str) -> str:
    """The password that the recording engine "draws"."""
    return f"the-password-of-{name}"


def drawn_keys(name: str) -> str:
    """The keys that the recording engine "draws"."""
    return f"the-keys-of-{name}"


def certificate(name: str) -> str:
    """The certificate that the recording engine "signs"."""
    return f"the-certificate-of-{name}"


def defined() -> list[Object]:
    """The kinds that edge routing adds to the API: their names, with nothing in them."""
    names = [f"{name}.gateway.networking.k8s.io" for name in definitions.GATEWAY_API]
    names += [f"{name}.projectcontour.io" for name in definitions.CONTOUR]
    common = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {}}
    return [{**common, "metadata": {"name": name, "annotations": {"approved": "yes"}}} for name in names]


class RecordingMonitor(mocks.MockMonitor):
    """The engine's side: keeps every request."""

    def __init__(self, answers: mocks.Mocks) -> None:
        super().__init__(answers)
        self.recorded = Recorded()

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802
        """Keeps the request, and answers as the engine does."""
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # so are all of the SDK's mocks
        self.recorded.resources.append(_registered(request, response.urn))
        for name in request.additionalSecretOutputs:
            if name in response.object:
                marked = Struct()
                marked.update({SIGNATURE: SECRET})
                marked.fields["value"].CopyFrom(response.object.fields[name])
                response.object.fields[name].struct_value.CopyFrom(marked)
        return response

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Any:  # noqa: N802
        """Keeps the stack's own outputs."""
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            self.recorded.outputs = MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _registered(request: resource_pb2.RegisterResourceRequest, urn: str) -> Registered:
    return Registered(
        type=request.type,
        name=request.name,
        urn=urn,
        parent=request.parent,
        provider=request.provider.rpartition("::")[0],
        wire=MessageToDict(request.object),
        depends_on=frozenset(request.dependencies),
        deleted_with=request.deletedWith,
        secret_outputs=frozenset(request.additionalSecretOutputs),
    )


def record(folder: Path, config: Mapping[str, object], *, preview: bool = False) -> Recorded:
    """Runs the whole program with this configuration, in a thread of its own, so that runs share no state of the SDK.

    Args:
        folder: stands in for Cilium's chart.
        config: the stack's configuration, without `blueprint:`.
        preview: run as `pulumi preview` does before anything was ever made.
    """
    monitor = RecordingMonitor(UnknownOutputs() if preview else Outputs())
    texts = {f"blueprint:{key}": str(value) for key, value in config.items()}
    with _nothing_built(folder), ThreadPoolExecutor(1) as own_thread:
        own_thread.submit(_run, monitor, texts, preview).result(timeout=60)
    return monitor.recorded


def _run(monitor: RecordingMonitor, config: dict[str, str], preview: bool) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_all_config(config)
    engine = mocks.MockEngine(None)
    pulumi.runtime.configure(
        mocks.MockSettings(monitor=monitor, engine=engine, project="blueprint", stack="test", dry_run=preview)  # type: ignore[no-untyped-call]
    )
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(_program))
    finally:
        loop.close()


def _program() -> None:
    runpy.run_path(str(MAIN), run_name="__main__")


@contextmanager
def _nothing_built(chart: Path) -> Iterator[None]:
    """No image is hashed, no chart is fetched, and the caller's environment decides nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "input_hash", lambda name: f"hash-of-{name}")
        patch.setattr(charts, "cilium", lambda: chart)
        patch.setattr(definitions, "edge", defined)
        patch.setattr(pulumi.runtime, "register_resource_transform", _transform_here)
        for name in ENVIRONMENT:
            patch.delenv(name, raising=False)
        yield


def _transform_here(transform: pulumi.ResourceTransform) -> None:
    """The engine calls transforms back over gRPC; here the SDK calls them itself, with the same arguments."""

    def call(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        custom = isinstance(args.resource, pulumi.CustomResource)
        given = pulumi.ResourceTransformArgs(
            custom=custom, type_=args.type_, name=args.name, props=dict(args.props), opts=args.opts
        )
        result = transform(given)
        assert isinstance(result, pulumi.ResourceTransformResult)
        return pulumi.ResourceTransformationResult(result.props, result.opts)

    pulumi.runtime.register_stack_transformation(call)


def container(found: Recorded, name: str) -> Object:
    """The one container of a workload's pod."""
    (one,) = found.pod_specs()[name]["containers"]
    return dict(one)


def environment(found: Recorded, name: str) -> dict[str, str]:
    """The variables of a workload's one container."""
    return {one["name"]: one["value"] for one in container(found, name).get("env", [])}
