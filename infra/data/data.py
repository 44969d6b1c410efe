"""All stores of the suite, in the namespace `data`."""

import pulumi

from infra.cluster import Cluster
from infra.data.postgres import Postgres, PostgresArgs
from infra.foundation import Foundation
from infra.image import Images

DATABASES = ("catalog",)
"""The services that own a database; each has a login of the same name."""


class Data(pulumi.ComponentResource):
    """PostgreSQL."""

    postgres: Postgres

    def __init__(
        self, cluster: Cluster, foundation: Foundation, images: Images, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("blueprint:data:Data", "data", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        args = PostgresArgs(foundation.namespaces["data"], images.reference("postgres"), DATABASES)
        self.postgres = Postgres("postgres", args, child)
        self.register_outputs({})
