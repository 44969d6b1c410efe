"""The dashboards as the JSON of vmui, the page that VictoriaMetrics carries: where Grafana is not to be had.

The shape: https://github.com/VictoriaMetrics/VictoriaMetrics/tree/v1.130.0/app/vmui/packages/vmui/public/dashboards
(read in that version: app/vmselect/vmui.go reads every *.json of -vmui.customDashboardsPath at each request, so a
changed ConfigMap is seen when the page is loaded again; `{{label}}` in an alias is filled in).
"""

import json
from typing import Any

from monitoring.dashboards.model import Dashboard, Panel, Row

GRID = 12
"""vmui's columns."""


def vmui_json(dashboard: Dashboard) -> str:
    """The dashboard as one file of the folder that -vmui.customDashboardsPath names."""
    rows = [_row(row) for row in dashboard.rows]
    return json.dumps({"title": dashboard.title, "rows": rows}, indent=1) + "\n"


def _row(row: Row) -> dict[str, Any]:
    width = GRID // row.columns()
    return {"title": row.title, "panels": [_panel(panel, width) for panel in row.panels]}


def _panel(panel: Panel, width: int) -> dict[str, Any]:
    return {
        "title": panel.title,
        "description": panel.why,
        "unit": panel.unit.words,
        "expr": [panel.query],
        "alias": [panel.legend()],
        "showLegend": True,
        "width": width,
    }
