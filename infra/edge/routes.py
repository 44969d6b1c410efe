"""Which host and path leads where, said once in each of the two ways: the Gateway API and Ingress."""

from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking import v1 as networking

from infra.lib.labels import labels

SHOP = "shop.blueprint.test"
API = "api.blueprint.test"
INGRESS = "ingress.blueprint.test"
CLASS = "contour"
GATEWAY = "edge"
GATEWAY_CERTIFICATE = "gateway-certificate"
INGRESS_CERTIFICATE = "ingress-certificate"
GATEWAY_API = "gateway.networking.k8s.io"
ANSWER_WITHIN = "30s"
HTTP = 80
"""The port of every service."""
PATHS = {"/api": "gateway", "/": "web"}
"""Path → service, for a host that shows the page and the API. The longest path that fits wins."""
Object = dict[str, Any]


def gateway_objects(namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """The Gateway, its class and its routes."""
    version = f"{GATEWAY_API}/v1"
    CustomResource(
        CLASS,
        api_version=version,
        kind="GatewayClass",
        metadata=ObjectMetaArgs(name=CLASS, labels=labels(CLASS, "routing")),
        spec={"controllerName": "projectcontour.io/gateway-controller"},
        opts=opts,
    )
    CustomResource(
        GATEWAY,
        api_version=version,
        kind="Gateway",
        metadata=_metadata(GATEWAY, namespace),
        spec=gateway(),
        opts=opts,
    )
    for name, spec in routes().items():
        CustomResource(
            name, api_version=version, kind="HTTPRoute", metadata=_metadata(name, namespace), spec=spec, opts=opts
        )


def ingress_objects(namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """The Ingress and its class. Nothing waits for its address: Envoy's readiness is what tells that it is served."""
    networking.IngressClass(
        CLASS,
        metadata=ObjectMetaArgs(name=CLASS, labels=labels(CLASS, "routing")),
        spec=networking.IngressClassSpecArgs(controller="projectcontour.io/ingress-controller"),
        opts=opts,
    )
    annotations = {
        "pulumi.com/skipAwait": "true",
        "ingress.kubernetes.io/force-ssl-redirect": "true",
        "projectcontour.io/response-timeout": ANSWER_WITHIN,
    }
    networking.Ingress("shop", metadata=_metadata("shop", namespace, annotations), spec=ingress(), opts=opts)


def gateway() -> Object:
    """Plain HTTP and HTTPS, for the hosts that its routes name. Routes of its own namespace alone may use it.

    Neither listener names a host: Contour takes a host that one names away from all others, on any port.
    """
    own = {"namespaces": {"from": "Same"}}
    tls = {"mode": "Terminate", "certificateRefs": [{"name": GATEWAY_CERTIFICATE}]}
    return {
        "gatewayClassName": CLASS,
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": own},
            {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls, "allowedRoutes": own},
        ],
    }


def routes() -> dict[str, Object]:
    """The HTTPRoutes by name: two hosts over TLS, and what sends their plain requests there."""
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    return {
        "shop": _route("https", [SHOP], [_rule(path, service) for path, service in PATHS.items()]),
        "api": _route("https", [API], [_rule("/", "gateway")]),
        "to-https": _route("http", [SHOP, API], [{"filters": [redirect]}]),
    }


def _route(listener: str, hosts: list[str], rules: list[Object]) -> Object:
    return {"parentRefs": [{"name": GATEWAY, "sectionName": listener}], "hostnames": hosts, "rules": rules}


def _rule(path: str, service: str) -> Object:
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "backendRefs": [{"name": service, "port": HTTP}],
        "timeouts": {"request": ANSWER_WITHIN},
    }


def ingress() -> networking.IngressSpecArgs:
    """The same paths for a host of its own, with a certificate of its own."""
    paths = [
        networking.HTTPIngressPathArgs(
            path=path,
            path_type="Prefix",
            backend=networking.IngressBackendArgs(
                service=networking.IngressServiceBackendArgs(
                    name=service, port=networking.ServiceBackendPortArgs(number=HTTP)
                )
            ),
        )
        for path, service in PATHS.items()
    ]
    return networking.IngressSpecArgs(
        ingress_class_name=CLASS,
        tls=[networking.IngressTLSArgs(hosts=[INGRESS], secret_name=INGRESS_CERTIFICATE)],
        rules=[networking.IngressRuleArgs(host=INGRESS, http=networking.HTTPIngressRuleValueArgs(paths=paths))],
    )


def _metadata(name: str, namespace: pulumi.Input[str], annotations: dict[str, str] | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "routing"), annotations=annotations)
