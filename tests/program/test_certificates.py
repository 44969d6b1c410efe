"""Certificates: what the stack's authority signs, what it may not sign, and when a certificate is made anew."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from infra.lib import authority, certificates, leaf
from infra.lib.certificates import CertificateError, Pair

HOSTS = ["issuer.identity.svc", "*.blueprint.test", "10.96.0.20"]
PROPS: dict[str, Any] = {"domains": [*certificates.DOMAINS, *certificates.NETWORKS]}


@pytest.fixture(scope="module")
def signer() -> Pair:
    return certificates.new_authority("Test authority")


def _leaf_of(chain: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain.encode())[0]


def _handshake(server: Pair, trusted: str, host: str, folder: Path) -> None:
    """One TLS handshake through a socket pair, by OpenSSL, which knows nothing of this code."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_text(server.certificate)
    key.write_text(server.key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain, key)
    asking = ssl.create_default_context(cadata=trusted)
    near, far = socket.socketpair()
    near.settimeout(5)
    far.settimeout(5)

    def serve() -> None:
        try:
            serving.wrap_socket(far, server_side=True).close()
        except (ssl.SSLError, OSError):
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        asking.wrap_socket(near, server_hostname=host).close()
    finally:
        near.close()
        thread.join(5)


@pytest.mark.parametrize("host", ["issuer.identity.svc", "shop.blueprint.test", "10.96.0.20"])
def test_a_client_that_trusts_the_authority_accepts_the_leaf_for_its_hosts(
    signer: Pair, host: str, tmp_path: Path
) -> None:
    _handshake(certificates.new_leaf(signer, HOSTS), signer.certificate, host, tmp_path)


def test_a_client_refuses_the_leaf_for_another_host_and_from_another_authority(signer: Pair, tmp_path: Path) -> None:
    made = certificates.new_leaf(signer, HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _handshake(made, signer.certificate, "gateway.edge.svc", tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate"):
        _handshake(made, certificates.new_authority("Another").certificate, HOSTS[0], tmp_path)


@pytest.mark.parametrize(
    "host", ["example.com", "kubernetes", "evilsvc", "8.8.8.8", "::1", "blueprint.test.example.org"]
)
def test_the_authority_vouches_for_nothing_outside(signer: Pair, host: str) -> None:
    with pytest.raises(CertificateError, match="may not vouch for"):
        certificates.new_leaf(signer, [host])


def test_clients_refuse_what_somebody_with_the_key_signs_for_the_outside(
    signer: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constraint stands in the authority itself: a stolen key is of no use against other names."""
    monkeypatch.setattr(certificates, "subject_names", lambda hosts: [x509.DNSName(host) for host in hosts])
    made = certificates.new_leaf(signer, ["example.com"])
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        _handshake(made, signer.certificate, "example.com", tmp_path)


def test_a_leaf_needs_a_host(signer: Pair) -> None:
    with pytest.raises(CertificateError, match="no host was given"):
        certificates.new_leaf(signer, [])


def test_the_chain_holds_by_the_rules_of_the_web(signer: Pair) -> None:
    """`cryptography`'s verifier follows the CA/Browser Forum's rules, which are stricter than OpenSSL's."""
    made = certificates.new_leaf(signer, HOSTS)
    store = Store([x509.load_pem_x509_certificate(signer.certificate.encode())])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(HOSTS[0]))
    try:
        assert len(verifier.verify(_leaf_of(made.certificate), [])) == 2
    except VerificationError as error:
        pytest.fail(str(error))


def test_a_leaf_begins_an_hour_ago_and_ends_in_90_days(signer: Pair) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = _leaf_of(certificates.new_leaf(signer, HOSTS, now).certificate)
    assert made.not_valid_before_utc == now - timedelta(hours=1)
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=90)


def test_the_authority_lives_ten_years_and_signs_leaves_alone() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    made = _leaf_of(certificates.new_authority("Test", now).certificate)
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=3650)
    basic = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert made.extensions.get_extension_for_class(x509.NameConstraints).critical


def test_a_leaf_names_its_hosts_and_is_no_authority(signer: Pair) -> None:
    made = _leaf_of(certificates.new_leaf(signer, HOSTS).certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == HOSTS[:2]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(HOSTS[2])]
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_serials_and_keys_are_drawn_for_each(signer: Pair) -> None:
    made = [certificates.new_leaf(signer, HOSTS) for _ in range(5)]
    assert len({one.key for one in made}) == len({_leaf_of(one.certificate).serial_number for one in made}) == 5


def _leaf_props(signed_by: Pair, hosts: list[str]) -> dict[str, Any]:
    return {"hosts": hosts, "authority_certificate": signed_by.certificate, "authority_key": signed_by.key}


def test_the_same_leaf_is_kept(signer: Pair) -> None:
    props = _leaf_props(signer, HOSTS)
    outs = leaf.create(props).outs or {}
    assert leaf.diff("id", outs, props).changes is False
    assert "authority_key" not in outs


def test_other_hosts_or_another_authority_make_another_leaf(signer: Pair) -> None:
    olds = leaf.create(_leaf_props(signer, HOSTS)).outs or {}
    other = certificates.new_authority("Another")
    for props in (_leaf_props(signer, HOSTS[:1]), _leaf_props(other, HOSTS)):
        assert leaf.diff("id", olds, props).changes is True
        news = leaf.update("id", olds, props).outs or {}
        assert news["key"] != olds["key"]
        assert leaf.diff("id", news, props).changes is False


@pytest.mark.parametrize(("days_ago", "renewed"), [(0, False), (59, False), (60, True), (91, True)])
def test_a_leaf_is_renewed_when_less_than_thirty_days_are_left(signer: Pair, days_ago: int, renewed: bool) -> None:
    made = certificates.new_leaf(signer, HOSTS, datetime.now(UTC) - timedelta(days=days_ago))
    props = _leaf_props(signer, HOSTS)
    assert leaf.diff("id", props | {"certificate": made.certificate}, props).changes is renewed


def test_the_authority_is_kept_until_its_names_change_or_its_end_is_near() -> None:
    olds = authority.create(PROPS).outs or {}
    assert authority.diff("id", olds, PROPS).changes is False
    assert authority.diff("id", olds, {"domains": ["svc"]}).changes is True
    old = certificates.new_authority("Old", datetime.now(UTC) - timedelta(days=3640))
    assert authority.diff("id", olds | {"certificate": old.certificate}, PROPS).changes is True
    news = authority.update("id", olds, PROPS).outs or {}
    assert news["certificate"] != olds["certificate"]


def test_both_are_read_from_the_state_alone() -> None:
    for module in (authority, leaf):
        found = module.read("id", {"certificate": "x"})
        assert (found.id, found.outs) == ("id", {"certificate": "x"})
        module.delete("id", {})
