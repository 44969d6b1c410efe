"""The API server by plain HTTPS, with whatever a caller shows to be believed: what kubectl would hide is seen here."""

import base64
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.kube import Kube, eventually

ISSUED_SECONDS = 60
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True)
class ApiServer:
    """Where it is, and whose certificates it shows.

    Attributes:
        url: its address on the host.
        authority: who signs its certificate, as PEM.
    """

    url: str
    authority: str

    @contextmanager
    def caller(
        self, *, token: str | None = None, certificate: Path | None = None, basic: tuple[str, str] | None = None
    ) -> Iterator[httpx.Client]:
        """A caller that shows a token, a client certificate (a file with its key), a name and password, or nothing."""
        trust = ssl.create_default_context(cadata=self.authority)
        if certificate:
            trust.load_cert_chain(certificate)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=self.url, verify=trust, headers=headers, auth=basic, timeout=15) as client:
            yield client


def api_server(kube: Kube) -> ApiServer:
    """The cluster's, from the administrator's kubeconfig."""
    cluster = yaml.safe_load(Path(kube.kubeconfig).read_text())["clusters"][0]["cluster"]
    return ApiServer(cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode())


def username(client: httpx.Client) -> str:
    """Whom the API server takes the caller for."""
    answer = client.post(REVIEW, json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["status"]["userInfo"]["username"])


def service_account_token(kube: Kube, namespace: str, name: str = "default") -> str:
    """A token of the service account that ends in ten minutes; a new namespace has its default account in a moment."""
    account = ["get", "serviceaccount", name, "--namespace", namespace]
    eventually(f"{namespace}/{name} is there", lambda: kube.attempt(*account).returncode == 0, seconds=ISSUED_SECONDS)
    return kube.run("create", "token", name, "--namespace", namespace, "--duration=10m").strip()


def client_certificate(kube: Kube, user: str, folder: Path) -> Path:
    """A client certificate by the CSR API, as a file with its key: asked for, approved and signed by the cluster."""
    name = f"{user}-{uuid.uuid4().hex[:8]}"
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    spec = {
        "request": base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "expirationSeconds": 600,
        "usages": ["client auth"],
    }
    kube.apply(
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": spec,
        }
    )
    kube.run("certificate", "approve", name)
    eventually(f"certificate {name} is signed", lambda: bool(_signed(kube, name)), seconds=ISSUED_SECONDS)
    file = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.touch(mode=0o600)
    file.write_bytes(base64.b64decode(_signed(kube, name)) + private)
    kube.run("delete", "certificatesigningrequest", name)
    return file


def _signed(kube: Kube, name: str) -> str:
    return str(kube.get("certificatesigningrequest", name).get("status", {}).get("certificate", ""))
