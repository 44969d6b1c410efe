"""Chapter 6: who owns what. Owner references make the garbage collector remove what an object leaves behind.

An owner is named by its uid, not only by its name: another object of the same name owns nothing. A dependent whose
owner is gone is removed, wherever the deletion came from. That is how a Deployment's ReplicaSets, their pods, and a
CronJob's Jobs go. The two live in the same namespace, or the owner is of the whole cluster.

A finalizer is the other half: a name in `metadata.finalizers` holds an object that is being deleted until whoever
put it there has cleaned up and takes it out. Kubernetes holds each pod of a Job so (`batch.kubernetes.io/job-tracking`)
until it is counted, and each claim (`kubernetes.io/pvc-protection`) while a pod uses it. The exhibit carries none of
its own: no controller here would take it out, and the whole namespace could never be removed.
"""

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs, OwnerReferenceArgs

from infra.lab.exhibit import Room, metadata

OWNER = "owner"
DEPENDENTS = ("dependent-one", "dependent-two")


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """A ConfigMap that owns two others. They go when it does; `--cascade=orphan` leaves them, without an owner."""
    owner = v1.ConfigMap(OWNER, metadata=metadata(room, OWNER, "C16"), data={}, opts=opts)
    for name in DEPENDENTS:
        v1.ConfigMap(name, metadata=owned(room, name, owner.metadata.uid), data={}, opts=opts)


def owned(room: Room, name: str, uid: pulumi.Input[str]) -> ObjectMetaArgs:
    """The metadata of a dependent. It blocks a deletion in the foreground: then the owner goes last."""
    found = metadata(room, name, "C16")
    found.owner_references = [
        OwnerReferenceArgs(api_version="v1", kind="ConfigMap", name=OWNER, uid=uid, block_owner_deletion=True)
    ]
    return found
