"""The graphs of the shop's own page: which panels they are, by the name that the page asks for.

The page sends a name and never a query, so a visitor can ask Prometheus nothing but this. What reads the file is
services/web/app/graphs.py.
"""

import json

from monitoring.dashboards.model import Panel
from monitoring.dashboards.shop import ERRORS, LATENCY, ORDERS, REQUESTS

PAGE: dict[str, Panel] = {"requests": REQUESTS, "errors": ERRORS, "latency": LATENCY, "orders": ORDERS}


def page_json() -> str:
    """The file that the web service is given."""
    graphs = [
        {
            "name": name,
            "title": panel.title,
            "unit": panel.unit.words,
            "why": panel.why,
            "query": panel.query,
            "by": list(panel.by),
        }
        for name, panel in PAGE.items()
    ]
    return json.dumps({"graphs": graphs}, indent=1) + "\n"
