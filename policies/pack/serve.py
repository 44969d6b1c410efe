"""The rules as a Pulumi policy pack: the engine asks it about each resource before the resource is made."""

import os

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from infra.settings import Settings, Target, from_file
from policies.pack.known import known
from policies.pack.resources import Resource
from policies.pack.rules import violations
from toolchain import paths, registry


def serve() -> None:
    """Serves until the engine ends it."""
    PolicyPack("blueprint", [admission(stacks_registry(from_file(paths.ROOT, stack())))], EnforcementLevel.MANDATORY)


def admission(images_from: str) -> ResourceValidationPolicy:
    """All rules in one policy: the SDK unpacks a resource anew for each policy, which takes seconds for large ones.

    Args:
        images_from: the address of the stack's registry.
    """

    def judge(args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = Resource(args.resource_type, known(args.props), frozenset(args.opts.additional_secret_outputs))
        for message in violations(resource, images_from):
            report(message, None)

    return ResourceValidationPolicy("admission", "Refused before it is deployed, as the cluster would.", judge)


def stacks_registry(settings: Settings) -> str:
    """The registry as manifests name it: the cluster's own, or the user's."""
    return registry.address(settings.cluster) if settings.target is Target.KIND else str(settings.registry)


def stack() -> str:
    """The stack, which the engine does not tell packs: chosen as the toolchain chooses it."""
    return os.environ.get("BLUEPRINT_STACK") or "local"
