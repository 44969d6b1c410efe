"""PersistentVolumeClaim and PersistentVolume."""

from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings
from toolchain.kubernetes_plugin.errors import ApiError


def claim(live: Object, around: Surroundings) -> Look:
    """Bound, or waiting for its first consumer, which nobody else may be able to make before this wait ends."""
    phase = (live.get("status") or {}).get("phase", "Pending")
    if phase == "Bound":
        return Look(ready=True)
    if phase == "Lost":
        return Look(failed=True, message="Lost: its volume is gone")
    return Look(_binds_late(live, around), message=f"{phase}: no volume is bound to it")


def _binds_late(live: Object, around: Surroundings) -> bool:
    name = live["spec"].get("storageClassName")
    if not name:
        return False
    try:
        found = around.cluster.get("storage.k8s.io/v1", "StorageClass", "", name)
    except ApiError as error:
        if error.not_found or error.code == 403:
            return False
        raise
    return found.get("volumeBindingMode") == "WaitForFirstConsumer"


def volume(live: Object, _: Surroundings) -> Look:
    """Available or bound."""
    phase = (live.get("status") or {}).get("phase", "Pending")
    return Look(phase in ("Available", "Bound"), failed=phase == "Failed", message=phase)
