"""From the provider's inputs to a cluster that answers, or to the reason why there is none."""

import threading
from dataclasses import dataclass

from toolchain.kubernetes_plugin import config as configuration
from toolchain.kubernetes_plugin import kubeconfig
from toolchain.kubernetes_plugin.client import Client
from toolchain.kubernetes_plugin.discovery import Cluster
from toolchain.kubernetes_plugin.errors import ApiError, PluginError
from toolchain.kubernetes_plugin.values import Properties


@dataclass(frozen=True)
class Connection:
    """A cluster, or None and the reason in words."""

    cluster: Cluster | None
    unreachable: str = ""


def connect(inputs: Properties, settings: configuration.ProviderConfig, cancelled: threading.Event) -> Connection:
    """Connects, and asks the server for its version to see that it answers."""
    if configuration.kubeconfig_unknown(inputs):
        return Connection(None, "the kubeconfig is not known before the update")
    try:
        access = kubeconfig.load(settings.kubeconfig, settings.context, settings.cluster)
        client = Client(access, settings.timeout, cancelled)
        client.get("/version")
    except (ApiError, PluginError, OSError, ValueError) as error:
        return Connection(None, str(error))
    return Connection(Cluster(client, settings.namespace or access.namespace))
