"""A cluster that somebody else made: a kubeconfig, and a registry that its nodes pull from."""

from pathlib import Path

import pulumi
import yaml

from infra.cluster.cluster import Capabilities, kubernetes_provider
from infra.settings import Settings, SettingsError


class ExistingCluster(pulumi.ComponentResource):
    """A cluster with its own network, storage and load balancers."""

    kubeconfig: pulumi.Output[str]

    def __init__(self, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:cluster:ExistingCluster", settings.cluster, {}, opts)
        self.kubeconfig = pulumi.Output.secret(read_kubeconfig(settings.kubeconfig or "", settings.context))
        self.provider = kubernetes_provider(self.kubeconfig, self)
        self.capabilities = Capabilities(
            own_network=False,
            load_balancer=True,
            node_port_on_host=False,
            own_nodes=False,
            l7_policy=False,
            grafana=False,
        )
        self.api_server_host = ""
        self.registry_push = self.registry_pull = pulumi.Output.from_input(settings.registry or "")
        self.load_balancer_range = pulumi.Output.from_input(list[str]())
        self.gateway_url: pulumi.Output[str] | None = None
        self.register_outputs({"kubeconfig": self.kubeconfig})


def read_kubeconfig(file: str, context: str | None) -> str:
    """The kubeconfig's text with the context as its current one.

    Raises:
        SettingsError: the file cannot be read, is no kubeconfig, or lacks the context.
    """
    path = Path(file).expanduser()
    remedy = "remedy: correct `blueprint:kubeconfig` or `blueprint:context`"
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"kubeconfig {file!r} cannot be read: {error}\n  {remedy}") from None
    if not isinstance(content, dict) or content.get("kind") != "Config":
        raise SettingsError(f"{file!r} is no kubeconfig (its kind is not Config)\n  {remedy}")
    names = [entry.get("name") for entry in content.get("contexts") or []]
    current = context or content.get("current-context")
    if current not in names:
        raise SettingsError(f"kubeconfig {file!r} has no context {current!r}; it has {names}\n  {remedy}")
    return yaml.safe_dump(content | {"current-context": current})
