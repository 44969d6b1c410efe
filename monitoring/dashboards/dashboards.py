"""All dashboards, the most general first: the order in which somebody looks who was woken up."""

from monitoring.dashboards.cluster import CLUSTER
from monitoring.dashboards.data_stores import DATA_STORES
from monitoring.dashboards.messaging import MESSAGING
from monitoring.dashboards.model import Dashboard
from monitoring.dashboards.network import NETWORK
from monitoring.dashboards.nodes import NODES
from monitoring.dashboards.observability import OBSERVABILITY
from monitoring.dashboards.report import REPORT
from monitoring.dashboards.services import SERVICES
from monitoring.dashboards.shop import SHOP
from monitoring.dashboards.slo import SLO

DASHBOARDS: tuple[Dashboard, ...] = (
    SHOP,
    SLO,
    SERVICES,
    MESSAGING,
    DATA_STORES,
    NETWORK,
    CLUSTER,
    NODES,
    REPORT,
    OBSERVABILITY,
)
