"""Certificates as pure functions: the stack's own authority and what it signs. Knows nothing of Pulumi.

An authority that is trusted somewhere can be abused there, so this one is bound: its name constraints let it vouch for
names of the cluster and for private addresses only, whoever holds its key.
Source: RFC 5280, 4.2.1.10 (name constraints) and 4.2.1.6 (subject alternative names).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
"""A leaf is made anew when less than this is left of it."""
CLOCK_SKEW = timedelta(hours=1)
"""How far in the past a certificate begins: a peer whose clock is behind accepts it at once."""
DOMAINS = ("svc", "cluster.local", "blueprint.test", "localhost", "contour", "envoy")
"""Names that the authority may vouch for, each with all below it. Contour and Envoy know each other by single names."""
NETWORKS = ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_LONGEST_COMMON_NAME = 64


class CertificateError(ValueError):
    """A certificate that the authority may not sign."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both as PEM."""

    certificate: str
    key: str


def new_authority(name: str, now: datetime | None = None) -> Pair:
    """A self-signed authority that may sign leaves, and no further authority.

    Args:
        name: its common name.
        now: when it is made; by default this moment.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    own_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    made = (
        _builder(subject, subject, key.public_key(), AUTHORITY_LIFE, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_constraints(), critical=True)
        .add_extension(own_key, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(_pem(made), _key_pem(key))


def new_leaf(authority: Pair, hosts: Sequence[str], now: datetime | None = None) -> Pair:
    """A certificate for a server, or for a client that is known by a host name, with its chain.

    Args:
        authority: who signs it.
        hosts: DNS names and IP addresses that it is valid for, the main one first.
        now: when it is made; by default this moment.

    Raises:
        CertificateError: no host, one that the authority may not vouch for, or a foreign authority.
    """
    names = subject_names(hosts)
    signer = x509.load_pem_x509_certificate(authority.certificate.encode())
    signing_key = serialization.load_pem_private_key(authority.key.encode(), password=None)
    if not isinstance(signing_key, ec.EllipticCurvePrivateKey):
        raise CertificateError("the authority's key is not of elliptic curves; authorities are made by `new_authority`")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:_LONGEST_COMMON_NAME])])
    both_sides = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        _builder(subject, signer.subject, key.public_key(), LEAF_LIFE, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(both_sides, critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    return Pair(_pem(made) + authority.certificate, _key_pem(key))


def expiry(certificate: str) -> datetime:
    """The moment at which the first certificate of the PEM text ends, in UTC."""
    return x509.load_pem_x509_certificates(certificate.encode())[0].not_valid_after_utc


def is_due(certificate: str, now: datetime | None = None) -> bool:
    """Whether the certificate is to be renewed."""
    return expiry(certificate) - (now or datetime.now(UTC)) < RENEWED_BEFORE


def subject_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    """The hosts as subject alternative names.

    Raises:
        CertificateError: no host, or one that the authority may not vouch for.
    """
    names = [_subject_name(host) for host in hosts]
    if not names:
        raise CertificateError("no host was given; a certificate names the hosts that it is valid for")
    return names


def _subject_name(host: str) -> x509.GeneralName:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS):
            return x509.DNSName(host)
        raise CertificateError(
            f"the authority may not vouch for {host!r}; its domains are {', '.join(DOMAINS)}; "
            "add one in infra/lib/certificates.py, which makes another authority"
        ) from None
    if any(address in ipaddress.ip_network(network) for network in NETWORKS):
        return x509.IPAddress(address)
    raise CertificateError(f"the authority may not vouch for {host!r}; its networks are {', '.join(NETWORKS)}")


def _constraints() -> x509.NameConstraints:
    domains = [x509.DNSName(domain) for domain in DOMAINS]
    networks = [x509.IPAddress(ipaddress.ip_network(network)) for network in NETWORKS]
    return x509.NameConstraints(permitted_subtrees=[*domains, *networks], excluded_subtrees=None)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta, now: datetime | None
) -> x509.CertificateBuilder:
    begin = (now or datetime.now(UTC)) - CLOCK_SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
