"""The dashboards as Grafana's JSON, made by Grafana's own typed builders, and how a Grafana server finds them."""

import itertools
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

from monitoring.dashboards.model import Dashboard, Panel, Row

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
FOLDER = "Blueprint"
GRID = 24
"""Grafana's columns."""
TAG = "blueprint"


def grafana_json(dashboard: Dashboard) -> str:
    """The dashboard as a file that Grafana's provisioning, or its import page, takes."""
    made = (
        build.Dashboard(dashboard.title)
        .uid(f"{TAG}-{dashboard.name}")
        .description(dashboard.why)
        .tags([TAG])
        .readonly()
        .refresh("15s")
        .time("now-30m", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    numbers = itertools.count(1)
    for row in dashboard.rows:
        made.with_row(build.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made.with_panel(_graph(panel, row, next(numbers)))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _graph(panel: Panel, row: Row, number: int) -> timeseries.Panel:
    query = prometheus.Dataquery().expr(panel.query).legend_format(panel.legend()).ref_id("A").range()
    return (
        timeseries.Panel()
        .id(number)
        .title(panel.title)
        .description(panel.why)
        .datasource(DATA_SOURCE)
        .unit(panel.unit.grafana)
        .axis_soft_min(0)
        .fill_opacity(8)
        .span(GRID // row.columns())
        .height(8)
        .legend(
            VizLegendOptions()
            .show_legend(bool(panel.by))
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .calcs([])
        )
        .with_target(query)
    )


def data_sources(url: str) -> dict[str, Any]:
    """Grafana's provisioning of Prometheus at `url`, under the identifier that the panels name.

    Source: https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources
    """
    source = {"name": "Prometheus", "type": "prometheus", "uid": DATA_SOURCE.uid, "url": url, "access": "proxy"}
    settings = {"timeInterval": "15s", "httpMethod": "POST"}
    return {"apiVersion": 1, "datasources": [{**source, "isDefault": True, "editable": False, "jsonData": settings}]}


def providers(folder: str) -> dict[str, Any]:
    """Grafana's provisioning of the dashboards that lie as files in `folder`.

    Source: https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards
    """
    provider = {"name": TAG, "folder": FOLDER, "type": "file", "allowUiUpdates": False, "options": {"path": folder}}
    return {"apiVersion": 1, "providers": [provider]}
