"""All dashboards as files by their names, for each viewer."""

from monitoring.dashboards.dashboards import DASHBOARDS
from monitoring.dashboards.grafana import grafana_json
from monitoring.dashboards.vmui import vmui_json


def grafana_files() -> dict[str, str]:
    """Grafana's."""
    return {f"{one.name}.json": grafana_json(one) for one in DASHBOARDS}


def vmui_files() -> dict[str, str]:
    """vmui's. It lists them by the files' names, which begin with the order in which somebody looks at them."""
    return {f"{place:02}-{one.name}.json": vmui_json(one) for place, one in enumerate(DASHBOARDS, 1)}
