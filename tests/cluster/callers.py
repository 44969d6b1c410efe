"""Who asks the API server: personas by client certificate, by the issuer's token, or by a service account's."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from policies.personas import Persona, Way
from policies.personas.subjects import ACCOUNTS
from tests.cluster.api import Api
from tests.cluster.kube import Kube, eventually

TOKEN_SECONDS = 600  # the least that TokenRequest gives
CERTIFICATE_SECONDS = 3600
SIGNED_SECONDS = 30
ACCOUNT_SECONDS = 60


@dataclass(frozen=True)
class Caller:
    """Somebody whom the API server knows, with the names that it gave them."""

    api: Api
    username: str
    groups: tuple[str, ...]
    http: httpx.Client
    credentials: dict[str, str] = field(repr=False)

    @contextmanager
    def kube(self, folder: Path) -> Iterator[Kube]:
        """kubectl as this caller."""
        authority = base64.b64encode(self.api.authority.encode()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "caller",
            "clusters": [
                {"name": "caller", "cluster": {"server": self.api.server, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "caller", "user": self.credentials}],
            "contexts": [{"name": "caller", "context": {"cluster": "caller", "user": "caller"}}],
        }
        file = folder / f"{uuid.uuid4().hex}.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(content))
        yield Kube(str(file))
        file.unlink()


def known(api: Api, http: httpx.Client, credentials: dict[str, str]) -> Caller:
    """The caller, as the API server itself says who it is."""
    user = whoami(http)
    return Caller(api, user["username"], tuple(user["groups"]), http, credentials)


def whoami(http: httpx.Client) -> dict[str, Any]:
    """The API server's own answer to who asks. It must know the caller."""
    answer = asked_who(http)
    assert answer.status_code == 201, f"{answer.status_code}: {answer.text}"
    return dict(answer.json()["status"]["userInfo"])


def asked_who(http: httpx.Client) -> httpx.Response:
    """A SelfSubjectReview, which whoever is authenticated may ask for."""
    kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return http.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=kind)


def by_certificate(kube: Kube, common_name: str, *organizations: str) -> Caller:
    """A certificate through the CertificateSigningRequest API: asked for, approved by the administrator, signed."""
    api, key = Api.of(kube.kubeconfig), ec.generate_private_key(ec.SECP256R1())
    name = f"test-{uuid.uuid4().hex[:12]}"
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    kube.apply(
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "expirationSeconds": CERTIFICATE_SECONDS,
                "usages": ["client auth"],
            },
        }
    )
    try:
        kube.run("certificate", "approve", name)
        signed: list[str] = []

        def is_signed() -> bool:
            signed[:] = [kube.get("csr", name)["status"].get("certificate", "")]
            return bool(signed[0])

        eventually(f"request {name} is signed", is_signed, seconds=SIGNED_SECONDS)
    finally:
        kube.run("delete", "csr", name)
    certificate = base64.b64decode(signed[0]).decode()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = key.private_bytes(*form).decode()
    encoded = [base64.b64encode(text.encode()).decode() for text in (certificate, pem)]
    credentials = dict(zip(("client-certificate-data", "client-key-data"), encoded, strict=True))
    return known(api, api.client(pair=(certificate, pem)), credentials)


def account_token(kube: Kube, namespace: str, account: str, **spec: Any) -> str:
    """A token of a service account by the TokenRequest API; `spec` may name its audiences and what it is bound to."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS, **spec},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = json.loads(kube.run("create", "--raw", path, "--filename", "-", stdin=json.dumps(request)))
    return str(answer["status"]["token"])


def default_account_token(kube: Kube, namespace: str) -> str:
    """A token of the namespace's default account, which a new namespace has in a moment."""
    account = ("get", "serviceaccount", "default", "--namespace", namespace)
    eventually(f"{namespace}/default is there", lambda: kube.attempt(*account).returncode == 0, seconds=ACCOUNT_SECONDS)
    return account_token(kube, namespace, "default")


def by_token(kube: Kube, token: str) -> Caller:
    """Whomever the API server takes the token's bearer for."""
    api = Api.of(kube.kubeconfig)
    return known(api, api.client(token), {"token": token})


def persona_by(kube: Kube, persona: Persona, way: Way, oidc_token: str = "") -> Caller:
    """The persona by this way; an OIDC token is the caller's to bring."""
    if way is Way.CERTIFICATE:
        return by_certificate(kube, f"{persona.name}-tester", persona.role)
    if way is Way.OIDC:
        return by_token(kube, oidc_token)
    return by_token(kube, account_token(kube, ACCOUNTS, persona.name))
