"""The stack's issuer as a client outside the cluster reaches it, and tokens as its own keys, or others, sign them."""

import base64
import json
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.cluster.kube import Kube
from toolchain import programs
from toolchain.control_plane.configuration import AUDIENCE, ISSUER_HOST, ISSUER_URL

FORWARD_SECONDS = 20
_PART = 32  # bytes of each half of a signature on P-256 (RFC 7518, section 3.4)


@dataclass(frozen=True)
class Issuer:
    """A client of the issuer that trusts the stack's authority alone, and the secrets of the issuer's clients."""

    http: httpx.Client
    clients: dict[str, str]

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """What it answers; its certificate must name it."""
        return self.http.request(
            method, path, headers={"Host": ISSUER_HOST}, extensions={"sni_hostname": ISSUER_HOST}, **given
        )

    def answer(self, client: str, secret: str | None = None) -> httpx.Response:
        """What it answers to a request for a token."""
        form = {"grant_type": "client_credentials", "client_id": client}
        return self.ask("POST", "/token", data={**form, "client_secret": secret or self.clients[client]})

    def token(self, client: str) -> str:
        """A token of the client."""
        answer = self.answer(client)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return str(answer.json()["id_token"])


@contextmanager
def forwarded(kube: Kube, namespace: str, target: str, port: int) -> Iterator[int]:
    """A port of loopback that leads to a pod's, past the network's policies, as only an administrator may have it."""
    command = [str(programs.ensure("kubectl")), "--kubeconfig", kube.kubeconfig, "port-forward"]
    command += ["--namespace", namespace, "--address", "127.0.0.1", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()  # kubectl ends by itself when the pod does not answer
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, f"kubectl port-forward {target}: {line}"
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(FORWARD_SECONDS)


@contextmanager
def issuer_of(kube: Kube, outputs: dict[str, Any]) -> Iterator[Issuer]:
    """The running issuer."""
    trusted = ssl.create_default_context(cadata=outputs["authority"])
    with (
        forwarded(kube, "identity", "service/issuer", 443) as port,
        httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, trust_env=False, timeout=10) as http,
    ):
        yield Issuer(http, outputs["oidc_clients"])


def signing_key(kube: Kube) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """The issuer's own key and its id, as only an administrator can read it."""
    secret = kube.get("secret", "issuer", "--namespace", "identity")
    key = json.loads(base64.b64decode(secret["data"]["keys.json"]))["keys"][0]
    return ec.derive_private_key(_number(key["d"]), ec.SECP256R1()), key["kid"]


def claims_of(persona: str, **changed: Any) -> dict[str, Any]:
    """The claims of a good token, or of one that differs in what is given."""
    now = int(time.time())
    claims = {"iss": ISSUER_URL, "sub": persona, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 120}
    return {**claims, "groups": [f"blueprint:{persona}"], **changed}


def signed(key: ec.EllipticCurvePrivateKey, kid: str, claims: dict[str, Any], **header: str) -> str:
    """A JWT by ES256 (RFC 7515, section 5.1)."""
    parts = [{"alg": "ES256", "typ": "JWT", "kid": kid, **header}, claims]
    text = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encoded(r.to_bytes(_PART, 'big') + s.to_bytes(_PART, 'big'))}"


def payload(token: str) -> dict[str, Any]:
    """What a token claims; nothing is verified."""
    return dict(json.loads(_decoded(token.split(".")[1])))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text), "big")
