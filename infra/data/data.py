"""All stores of the suite, in the namespace `data`."""

import pulumi

from infra.cluster import Cluster
from infra.data.nats import Nats, NatsArgs
from infra.data.postgres import Postgres, PostgresArgs
from infra.data.streams import Streams, StreamsArgs
from infra.data.valkey import Valkey, ValkeyArgs
from infra.foundation import Foundation
from infra.image import Images

DATABASES = ("catalog", "inventory", "orders")
"""The services that own a database; each has a login of the same name."""


class Data(pulumi.ComponentResource):
    """PostgreSQL, Valkey, and NATS with its streams."""

    postgres: Postgres
    valkey: Valkey
    nats: Nats

    def __init__(
        self, cluster: Cluster, foundation: Foundation, images: Images, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("blueprint:data:Data", "data", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        space = foundation.namespaces["data"]
        self.postgres = Postgres("postgres", PostgresArgs(space, images.reference("postgres"), DATABASES), child)
        self.valkey = Valkey("valkey", ValkeyArgs(space, images.reference("valkey")), child)
        self.nats = Nats("nats", NatsArgs(space, images.reference("nats")), child)
        after_nats = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[self.nats]))
        declared = StreamsArgs(space, images.reference("streams"), self.nats.logins["streams"])
        Streams("streams", declared, after_nats)
        self.register_outputs({})
