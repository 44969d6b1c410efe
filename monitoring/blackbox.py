"""What is asked from outside a program, as its clients ask: by HTTP, by TCP, by name. The blackbox exporter asks.

A probe proves the whole way, names, Services and network policies among it, which a program's own metrics do not.
Source: https://github.com/prometheus/blackbox_exporter/blob/v0.26.0/CONFIGURATION.md
"""

from dataclasses import dataclass
from typing import Any

import yaml

HTTP, TCP, DNS = "blackbox-http", "blackbox-tcp", "blackbox-dns"
"""The scrape jobs whose targets stand here."""
STORES = "blackbox-stores"
"""The job that asks every port of every Service of the stores, which it finds by itself, by the module `tcp`."""
STORES_NAMESPACE, STORES_MODULE = "data", "tcp"
EDGE_HOST = "shop.blueprint.test"
"""The host name that Envoy serves the shop for; it is in no DNS, so the probe says it to Envoy's Service."""
KNOWN_NAME = "gateway.edge.svc.cluster.local"
"""The Service that the name servers are asked for."""
_IPV4 = {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False}


@dataclass(frozen=True)
class Target:
    """One thing that is asked.

    Attributes:
        job: the scrape job that it belongs to.
        module: how it is asked.
        address: what is asked: a URL for HTTP, else host:port.
        service: the service whose way it tries.
        edge: whether it is there only where the edge routing is ours.
    """

    job: str
    module: str
    address: str
    service: str
    edge: bool = False


TARGETS = (
    Target(HTTP, "http", "http://gateway.edge/", "web"),
    Target(HTTP, "http", "http://gateway.edge/api/products?size=1", "catalog"),
    Target(HTTP, "http", "http://gateway.edge/api/inventory/KIT-MUG-01", "inventory"),
    Target(HTTP, "edge", "https://envoy.edge/api/products?size=1", "envoy", edge=True),
    Target(HTTP, "https", "https://issuer.identity.svc/.well-known/openid-configuration", "issuer"),
    Target(TCP, "certificate", "envoy.edge:443", "envoy", edge=True),
    Target(TCP, "certificate", "issuer.identity:443", "issuer"),
    Target(DNS, "dns", "kube-dns.kube-system:53", "kube-dns"),
)


def targets(job: str, *, edge: bool) -> list[Target]:
    """The targets of a scrape job; `edge` says whether the edge routing is ours."""
    return [one for one in TARGETS if one.job == job and (edge or not one.edge)]


def modules(authority_file: str) -> dict[str, Any]:
    """How things are asked, by name.

    Args:
        authority_file: the certificate of the stack's authority, by which TLS is checked.
    """
    edge = _https(authority_file) | {"headers": {"Host": EDGE_HOST}}
    edge["tls_config"] |= {"server_name": EDGE_HOST}
    return {
        "http": {"prober": "http", "timeout": "5s", "http": _answer() | {"fail_if_ssl": True}},
        "https": {"prober": "http", "timeout": "5s", "http": _https(authority_file)},
        "edge": {"prober": "http", "timeout": "5s", "http": edge},
        "tcp": {"prober": "tcp", "timeout": "3s", "tcp": dict(_IPV4)},
        "certificate": {"prober": "tcp", "timeout": "3s", "tcp": _certificate()},
        "dns": {"prober": "dns", "timeout": "3s", "dns": _name()},
    }


def configuration(authority_file: str) -> str:
    """The exporter's file."""
    return yaml.safe_dump({"modules": modules(authority_file)}, sort_keys=False)


def _answer() -> dict[str, Any]:
    """200 and nothing else: a redirect is an answer of its own. No more is read than a page may be."""
    return {**_IPV4, "valid_status_codes": [200], "follow_redirects": False, "body_size_limit": "2MB"}


def _https(authority_file: str) -> dict[str, Any]:
    checked = {"ca_file": authority_file, "min_version": "TLS12"}
    return _answer() | {"fail_if_not_ssl": True, "tls_config": checked}


def _certificate() -> dict[str, Any]:
    """Looks at the certificate that is shown, whoever signed it: of one that is refused no other probe sees the end.

    The issuer has one for all hosts; Envoy is told which host is meant.
    """
    return {**_IPV4, "tls": True, "tls_config": {"insecure_skip_verify": True, "server_name": EDGE_HOST}}


def _name() -> dict[str, Any]:
    """The name of a Service must lead to an address."""
    expression = KNOWN_NAME.replace(".", "[.]") + r"[.]\s.*\sA\s.*"
    return {
        **_IPV4,
        "query_name": KNOWN_NAME,
        "query_type": "A",
        "valid_rcodes": ["NOERROR"],
        "validate_answer_rrs": {"fail_if_none_matches_regexp": [expression]},
    }
