"""Who somebody is, and what that allows: the personas and the issuer that vouches for their people."""

import pulumi

from infra.cluster import Cluster
from infra.foundation import Foundation
from infra.image import Images
from infra.lib.authority import Authority
from infra.lib.password import Password
from infra.security.issuer import CLIENTS, Issuer, IssuerArgs
from infra.security.persona_objects import Personas
from policies.personas.subjects import ACCOUNTS


class Identity(pulumi.ComponentResource):
    """Personas with their rights, and the issuer."""

    clients: pulumi.Output[dict[str, str]]
    """The secret of each of the issuer's clients, by its id. The cluster itself knows their hashes only."""

    def __init__(
        self,
        cluster: Cluster,
        foundation: Foundation,
        authority: Authority,
        images: Images,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("blueprint:security:Identity", "identity", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        own = pulumi.ResourceOptions(parent=self)
        secrets = {client.name: Password(f"issuer-{client.name}", own).value for client in CLIENTS}
        Personas("personas", child)
        args = IssuerArgs(foundation.namespaces[ACCOUNTS], images.reference("issuer"), authority, secrets)
        Issuer("issuer", args, child)
        self.clients = pulumi.Output.all(**secrets)
        self.register_outputs({"clients": self.clients})
