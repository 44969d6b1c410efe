"""The whole program: settings → cluster → images → foundation → data → shop → lab → exports. Wiring only."""

import pulumi
from pulumi.runtime.config import CONFIG

from infra.cluster import create_cluster
from infra.data import Data
from infra.foundation import Foundation
from infra.image import Images
from infra.lab import Lab
from infra.settings import from_pulumi
from infra.shop import Shop

settings = from_pulumi(CONFIG.get(), pulumi.get_stack())
cluster = create_cluster(settings)
images = Images(cluster)
foundation = Foundation(cluster, images)
data = Data(cluster, foundation, images)
shop = Shop(cluster, foundation, data, images)
Lab(cluster, foundation, images)

pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("gateway_url", shop.gateway_url)
pulumi.export("urls", shop.urls)
pulumi.export("namespaces", foundation.namespaces)
pulumi.export("capabilities", cluster.capabilities.as_map())
pulumi.export("lanes", images.lanes())
pulumi.export("images", images.references())
