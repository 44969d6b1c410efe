"""Rotating the encryption's key on a running cluster: show, add, rewrite, drop. The run book is docs/runbooks/.

Each step leaves a cluster that works, so a rotation may stop anywhere and go on later.
"""

import base64
import json
from collections import Counter

from toolchain.control_plane import encryption, folder, server
from toolchain.control_plane.encryption import FILE, Key
from toolchain.errors import ToolchainError
from toolchain.locking import locked

SECRETS = "/registry/secrets/"
_ATTEMPTS = 5
_ETCD = "/etc/kubernetes/pki/etcd"


def show(cluster: str) -> dict[str, int]:
    """How many Secrets each key encrypted, by the keys' names, the one that encrypts now first."""
    count = Counter(encryption.key_of(value) for value in stored(cluster, SECRETS).values())
    return {name: count[name] for name in [*(key.name for key in _keys(cluster)), *sorted(count)]}


def add(cluster: str) -> str:
    """Makes a key, which encrypts from now on, and returns its name."""
    with locked(f"encryption-key-{cluster}"):
        keys = encryption.with_new_key(_keys(cluster))
        _take(cluster, keys)
    return keys[0].name


def rewrite(cluster: str) -> int:
    """Has every Secret encrypted with the newest key, and returns how many there are.

    Raises:
        ToolchainError: some changed again and again meanwhile, or could not be written.
    """
    newest = _keys(cluster)[0].name
    for _ in range(_ATTEMPTS):
        _write_all_again(cluster)
        old = {name for name, value in stored(cluster, SECRETS).items() if encryption.key_of(value) != newest}
        if not old:
            return len(stored(cluster, SECRETS))
    raise ToolchainError(
        f"Secrets are not encrypted with {newest} yet: {', '.join(sorted(old))}",
        f"each can be written within {_ATTEMPTS} attempts",
        "`blueprint encryption-key rewrite` once more",
    )


def drop(cluster: str) -> list[str]:
    """Removes every key but the newest, and returns their names.

    Raises:
        ToolchainError: something is encrypted with one of them.
    """
    with locked(f"encryption-key-{cluster}"):
        keys = _keys(cluster)
        used = {encryption.key_of(value) for value in stored(cluster, SECRETS).values()}
        kept = encryption.without_old_keys(keys, used)
        _take(cluster, kept)
    return [key.name for key in keys[len(kept) :]]


def stored(cluster: str, prefix: str) -> dict[str, bytes]:
    """What etcd holds under a prefix, as it lies on its disk: asked by etcd's own API, past the API server.

    Source: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
    """
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    request = json.dumps({"key": _base64(prefix), "range_end": _base64(end)})
    identity = ["--cert", f"{_ETCD}/server.crt", "--key", f"{_ETCD}/server.key", "--cacert", f"{_ETCD}/ca.crt"]
    silent = ["--silent", "--show-error", "--fail", "--max-time", "30"]
    answer = server.execute(
        cluster, "curl", *silent, *identity, "--data", request, "https://127.0.0.1:2379/v3/kv/range"
    )
    found = json.loads(answer).get("kvs", [])
    return {base64.b64decode(one["key"]).decode(): base64.b64decode(one["value"]) for one in found}


def _keys(cluster: str) -> list[Key]:
    return encryption.parse(folder.read(cluster, FILE))


def _take(cluster: str, keys: list[Key]) -> None:
    folder.write(cluster, {FILE: encryption.render(keys)})
    server.wait_for_keys(cluster)


def _write_all_again(cluster: str) -> None:
    """Writes each Secret as it is. The values stay on the node; one that changed meanwhile is refused, and is new."""
    administrator = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
    listed = f"{administrator} get secrets --all-namespaces --output json"
    server.execute(cluster, "sh", "-c", f"{listed} | {administrator} replace --filename - >/dev/null 2>&1 || true")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
