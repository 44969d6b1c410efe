"""What is broken of metrics, alerts and logs, and which live tests must notice."""

from tests.sabotage.breaking import Act, Break, Change, Object, command, replicas

_SPACE = "observability"
_TARGETS, _EXPORTERS, _LOGS = (f"test_{what}.py::test_" for what in ("targets", "exporters", "logs"))


def _nowhere(agents: Object) -> None:
    agents["spec"]["template"]["spec"]["nodeSelector"] = {"blueprint/nowhere": ""}


def _no_node(policy: Object) -> None:
    """Nodes and the API server are no longer among those whom Prometheus may ask: an empty rule permits nobody."""
    policy["spec"]["egress"] = [{}]


_SERVER = ("exec", "--namespace", "data", "postgres-0", "--", "psql", "--username=postgres", "--command")

OBSERVABILITY = (
    Break(
        "B9 H10 H13",
        "Prometheus reaches no node",
        [Change("ciliumnetworkpolicy", _SPACE, "prometheus", _no_node)],
        [f"{_TARGETS}what_is_scraped_is_what_is_deployed"],
        alone=True,
    ),
    Break(
        "H8",
        "PostgreSQL's exporter sees no figures",
        [
            Act(
                "data/exporter",
                command(*_SERVER, "REVOKE pg_monitor FROM exporter"),
                command(*_SERVER, "GRANT pg_monitor TO exporter"),
            )
        ],
        [f"{_EXPORTERS}postgres_s_figures_are_what_the_administrator_sees"],
    ),
    Break(
        "H8",
        "nobody asks the shop as a visitor does",
        [replicas("deployment", _SPACE, "blackbox-exporter", usual=1)],
        [f"{_EXPORTERS}everything_that_is_probed_answers_and_nothing_else_is_probed"],
    ),
    Break(
        "H7",
        "nobody takes the report's figures",
        [replicas("deployment", _SPACE, "pushgateway", usual=1)],
        [f"{_EXPORTERS}the_report_s_push_is_scraped"],
    ),
    Break(
        "H9",
        "Alertmanager is away",
        [replicas("statefulset", _SPACE, "alertmanager", usual=1)],
        ["test_alerts.py::test_alerting_is_alive"],
    ),
    Break(
        "H11",
        "the store beside is away",
        [replicas("statefulset", _SPACE, "victoria-metrics", usual=1)],
        ["test_metrics_storage.py::test_both_are_bounded_and_have_room"],
    ),
    Break(
        "B3",
        "nobody tells the autoscaler of requests",
        [replicas("deployment", _SPACE, "metrics-adapter", usual=1)],
        ["test_scaling_by_requests.py::test_the_autoscaler_is_told_what_each_pod_answers"],
    ),
    Break(
        "B8 D12",
        "no node has an agent of logs",
        [Change("daemonset", "node-agents", "log-agent", _nowhere)],
        [
            f"{_LOGS}a_request_s_lines_of_all_services_are_found_by_its_id",
            f"{_LOGS}a_line_written_just_before_a_sigkill_is_found",
            f"{_LOGS}a_denied_request_to_the_api_server_is_found",
        ],
    ),
)
