"""Service and Ingress."""

from toolchain.kubernetes_plugin.awaiting.verdict import Look, Object, Surroundings


def service(live: Object, around: Surroundings) -> Look:
    """Has a ready endpoint, and an address where it is a LoadBalancer.

    A Service without selector, a headless one and an ExternalName are ready at once, as with the real plugin.
    """
    spec = live["spec"]
    kind, selector = spec.get("type", "ClusterIP"), spec.get("selector")
    if kind == "ExternalName":
        return Look(ready=True)
    if kind == "LoadBalancer" and not ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return Look(message="the load balancer has no address yet")
    if not selector or (kind == "ClusterIP" and spec.get("clusterIP") == "None"):
        return Look(ready=True)
    metadata = live["metadata"]
    label = f"kubernetes.io/service-name={metadata['name']}"
    slices = around.cluster.select("discovery.k8s.io/v1", "EndpointSlice", metadata["namespace"], labelSelector=label)
    endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or []]
    ready = any((endpoint.get("conditions") or {}).get("ready") is not False for endpoint in endpoints)
    return Look(ready, message="no pod that it selects is ready", selector={"matchLabels": selector})


def ingress(live: Object, _: Surroundings) -> Look:
    """Has an address from its controller."""
    ready = bool(((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"))
    return Look(ready, message="no ingress controller has given it an address; is one running for its class?")
