"""The whole program, wiring only.

settings → authority → cluster → images → foundation → data → observability → shop → identity → edge → lab → exports
"""

import pulumi
from pulumi.runtime.config import CONFIG

from infra.cluster import create_cluster
from infra.data import Data
from infra.edge import EdgeRouting
from infra.foundation import Foundation
from infra.image import Images
from infra.lab import Lab
from infra.lib.authority import Authority
from infra.observability import Observability, ObservabilityArgs
from infra.security.identity import Identity
from infra.settings import from_pulumi
from infra.shop import Shop

settings = from_pulumi(CONFIG.get(), pulumi.get_stack())
authority = Authority("authority")
cluster = create_cluster(settings, authority)
images = Images(cluster)
foundation = Foundation(cluster, images)
data = Data(cluster, foundation, images)
Observability(cluster, foundation, images, ObservabilityArgs(settings.cluster, data, authority))
shop = Shop(cluster, foundation, data, images)
identity = Identity(cluster, foundation, authority, images)
edge = EdgeRouting(cluster, foundation, authority, images)
Lab(cluster, foundation, images)

pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("gateway_url", shop.gateway_url)
pulumi.export("urls", shop.urls | edge.urls)
pulumi.export("namespaces", foundation.namespaces)
pulumi.export("capabilities", cluster.capabilities.as_map())
pulumi.export("lanes", images.lanes())
pulumi.export("images", images.references())
pulumi.export("authority", authority.certificate)
pulumi.export("oidc_clients", identity.clients)
