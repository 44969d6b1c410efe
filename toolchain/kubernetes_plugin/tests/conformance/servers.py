"""etcd, kube-apiserver and kube-controller-manager on loopback: a control plane without nodes."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from toolchain import programs

READY_SECONDS = 90.0
TOKEN = "conformance"  # the static token of a throw-away control plane on loopback


def program(name: str) -> str:
    """A control-plane program: from PATH, else built."""
    return shutil.which(name) or str(programs.build(name))


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """A process for as long as the body runs."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _keys(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = folder / "service-account.key"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return path


def _etcd(folder: Path, client: int, peer: int) -> list[str]:
    url, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        program("etcd"), "--data-dir", str(folder / "etcd"), "--listen-client-urls", url,
        "--advertise-client-urls", url,
        "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
        "--unsafe-no-fsync", "--log-level", "error",
    ]  # fmt: skip


def _api_server(folder: Path, etcd: int, port: int, key: Path) -> list[str]:
    tokens = folder / "tokens.csv"
    tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
    return [
        program("kube-apiserver"), "--etcd-servers", f"http://127.0.0.1:{etcd}", "--secure-port", str(port),
        "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--cert-dir", str(folder / "certificates"),
        "--service-account-issuer", "https://conformance", "--service-account-key-file", str(key),
        "--service-account-signing-key-file", str(key), "--token-auth-file", str(tokens),
        "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/16",
        "--endpoint-reconciler-type", "none",
        "--disable-admission-plugins", "ServiceAccount", "--watch-cache=true", "--v", "0",
    ]  # fmt: skip


def _controllers(kubeconfig: Path, key: Path) -> list[str]:
    return [
        program("kube-controller-manager"), "--kubeconfig", str(kubeconfig), "--secure-port", "0",
        "--leader-elect=false",
        "--service-account-private-key-file", str(key), "--use-service-account-credentials=false", "--v", "0",
    ]  # fmt: skip


def _kubeconfig(folder: Path, port: int) -> Path:
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "conformance",
        "clusters": [{"name": "conformance", "cluster": cluster}],
        "users": [{"name": "conformance", "user": {"token": TOKEN}}],
        "contexts": [{"name": "conformance", "context": {"cluster": "conformance", "user": "conformance"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return path


def _await_ready(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(verify=False, headers=headers, trust_env=False) as http:  # noqa: S501 - a throw-away certificate
        while True:
            try:
                url = f"https://127.0.0.1:{port}"
                if (
                    http.get(f"{url}/readyz").status_code == 200
                    and "default" in http.get(f"{url}/api/v1/namespaces").text
                ):
                    return
            except httpx.TransportError:
                pass  # not listening yet; the deadline below ends this
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API server was not ready after {READY_SECONDS:.0f} s; see its log")
            time.sleep(0.25)


@contextmanager
def control_plane(folder: Path) -> Iterator[Path]:
    """A control plane in a folder; gives the path of its kubeconfig."""
    client, peer, port = free_port(), free_port(), free_port()
    key, kubeconfig = _keys(folder), _kubeconfig(folder, port)
    with ExitStack() as stack:
        stack.enter_context(running(_etcd(folder, client, peer), folder / "etcd.log"))
        stack.enter_context(running(_api_server(folder, client, port, key), folder / "apiserver.log"))
        _await_ready(port)
        stack.enter_context(running(_controllers(kubeconfig, key), folder / "controllers.log"))
        yield kubeconfig


if __name__ == "__main__":  # for work on the plugin: keeps a control plane until interrupted
    import sys

    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with control_plane(target) as made:
        sys.stdout.write(json.dumps({"kubeconfig": str(made), "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        time.sleep(float(os.environ.get("KEEP_SECONDS", "3600")))
