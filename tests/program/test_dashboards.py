"""The dashboards: each viewer gets what it understands, and what a query asks for is recorded or scraped."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from infra.observability import prometheus
from infra.observability.dashboards import FOLDER, provisioning_files
from infra.shop.web import web_values
from monitoring.dashboards.__main__ import main
from monitoring.dashboards.dashboards import DASHBOARDS
from monitoring.dashboards.files import grafana_files, vmui_files
from monitoring.dashboards.model import Dashboard, Panel
from monitoring.dashboards.page import PAGE, page_json
from monitoring.dashboards.services import OWN
from monitoring.dashboards.shop import SHOP
from monitoring.scraping.catalog import ALL
from tests.image_programs import checked
from tests.program.service_settings import settings
from tests.program.test_shop import SERVICES

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring" / "rules"
PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels()]
IDS = [f"{dashboard.name}: {panel.title}" for dashboard, panel in PANELS]
each_panel = pytest.mark.parametrize(("dashboard", "panel"), PANELS, ids=IDS)
MOST_OF_A_CONFIG_MAP = 1024 * 1024
JOBS_THAT_SERVE_NOTHING = {"report", "loadgen"}


@functools.cache
def recorded() -> frozenset[str]:
    """The names that rules record."""
    files = [yaml.safe_load(file.read_text()) for file in RULES.glob("*.yaml")]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return frozenset(rule["record"] for rule in rules if "record" in rule)


def test_there_is_a_dashboard_for_each_thing_that_is_watched() -> None:
    names = [dashboard.name for dashboard in DASHBOARDS]
    assert len(set(names)) == len(names)
    assert {"cluster", "nodes", "services", "data-stores", "messaging", "network", "slo", "report"} <= set(names)


def test_each_service_that_answers_has_its_row() -> None:
    assert OWN.keys() == (SERVICES.keys() | {"issuer"}) - JOBS_THAT_SERVE_NOTHING


@each_panel
def test_a_panel_says_why_and_is_of_its_own(dashboard: Dashboard, panel: Panel) -> None:
    assert panel.why.endswith(".")
    assert len(panel.why) > 15
    (row,) = [row for row in dashboard.rows if any(one is panel for one in row.panels)]
    assert [one.title for one in row.panels].count(panel.title) == 1


@each_panel
def test_what_a_query_reads_is_recorded(dashboard: Dashboard, panel: Panel) -> None:
    """A rule that was renamed would leave an empty graph."""
    assert set(re.findall(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", panel.query)) <= recorded()


@each_panel
def test_the_jobs_that_a_query_names_are_scraped(dashboard: Dashboard, panel: Panel) -> None:
    assert set(re.findall(r'\bjob="([^"]+)"', panel.query)) <= {job.name for job in ALL}


@each_panel
def test_a_query_has_no_variables_of_a_viewer(dashboard: Dashboard, panel: Panel) -> None:
    """vmui, the page and the live test have none."""
    assert "$" not in panel.query


@each_panel
def test_lines_are_named_by_labels_that_the_query_leaves(dashboard: Dashboard, panel: Panel) -> None:
    grouped = re.findall(r"\bby \(([^)]*)\)", panel.query)
    if grouped and panel.by:
        left = {label.strip() for group in grouped for label in group.split(",")}
        assert set(panel.by) <= left


@pytest.mark.image_program
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    """Asked of promtool, to which a panel is told as a rule."""
    rules = [{"record": f"panel:number:{number}", "expr": panel.query} for number, (_, panel) in enumerate(PANELS)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked("promtool", tmp_path, "check", "rules", file)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: str(dashboard.name))
def test_grafana_reads_its_file_back_with_every_query(dashboard: Dashboard) -> None:
    document = json.loads(grafana_files()[f"{dashboard.name}.json"])
    read = GrafanaDashboard.from_json(document)
    assert (read.title, read.uid) == (dashboard.title, f"blueprint-{dashboard.name}")
    graphs = [panel for panel in document["panels"] if panel["type"] == "timeseries"]
    assert [[target["expr"] for target in graph["targets"]] for graph in graphs] == [
        [panel.query] for panel in dashboard.panels()
    ]
    identities = [panel["id"] for panel in document["panels"]]
    assert len(set(identities)) == len(identities)
    assert all(graph["gridPos"]["x"] + graph["gridPos"]["w"] <= 24 for graph in graphs)


def test_vmui_gets_the_same_queries_in_its_own_shape() -> None:
    """The keys that app/vmselect/vmui.go of v1.130.0 reads; it leaves out a dashboard without rows."""
    files = vmui_files()
    assert sorted(files) == list(files), "vmui lists them by name"
    for dashboard, text in zip(DASHBOARDS, files.values(), strict=True):
        document: dict[str, Any] = json.loads(text)
        assert document.keys() == {"title", "rows"}
        panels = [panel for row in document["rows"] for panel in row["panels"]]
        assert [panel["expr"] for panel in panels] == [[panel.query] for panel in dashboard.panels()]
        for panel in panels:
            assert panel.keys() == {"title", "description", "unit", "expr", "alias", "showLegend", "width"}
            assert len(panel["alias"]) == len(panel["expr"])
            assert 1 <= panel["width"] <= 12


@pytest.mark.parametrize("files", [grafana_files(), vmui_files()], ids=["grafana", "vmui"])
def test_all_files_together_fit_a_config_map(files: dict[str, str]) -> None:
    assert sum(map(len, files.values())) < MOST_OF_A_CONFIG_MAP // 2


def test_grafana_is_told_where_prometheus_is_by_the_name_that_panels_use() -> None:
    files = {name: yaml.safe_load(text) for name, text in provisioning_files().items()}
    (source,) = files["datasources.yaml"]["datasources"]
    assert source["url"] == prometheus.URL
    named = {panel.get("datasource", {}).get("uid") for panel in json.loads(grafana_files()["shop.json"])["panels"]}
    assert named - {None} == {source["uid"]}
    (provider,) = files["providers.yaml"]["providers"]
    assert provider["options"]["path"] == FOLDER


def test_the_page_s_graphs_are_the_dashboard_s_own() -> None:
    assert {"requests", "errors", "latency", "orders"} == PAGE.keys()
    assert all(any(panel is one for one in SHOP.panels()) for panel in PAGE.values())
    given = json.loads(page_json())["graphs"]
    assert [(one["name"], one["query"]) for one in given] == [(name, panel.query) for name, panel in PAGE.items()]


def test_the_page_has_graphs_where_it_is_told_of_a_prometheus() -> None:
    given = web_values(prometheus.URL)
    assert given["env"]["PROMETHEUS_URL"] == prometheus.URL
    folder, _, name = given["env"]["GRAPHS_FILE"].rpartition("/")
    assert (folder, given["watchedFiles"][name]) == ("/etc/watched", page_json())
    assert given["env"].keys() <= settings("web").keys(), "the web service reads each of them"


def test_without_one_the_page_is_told_of_none() -> None:
    given = web_values()
    assert not {"PROMETHEUS_URL", "GRAPHS_FILE"} & given["env"].keys()
    assert list(given["watchedFiles"]) == ["topology.yaml"]


def test_files_are_written_for_a_viewer_of_one_s_own(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert {file.name for file in (tmp_path / "grafana").iterdir()} == grafana_files().keys()
    assert {file.name for file in (tmp_path / "vmui").iterdir()} == vmui_files().keys()


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_without_a_folder_nothing_is_written(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "which folder?" in capsys.readouterr().err
