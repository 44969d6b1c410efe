"""The scrape jobs: which targets each takes, what it keeps of them, and that Prometheus takes the file."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import blackbox
from monitoring.scraping import Setting, configuration, jobs, target_files
from monitoring.scraping.catalog import ALL
from monitoring.scraping.configuration import INTERVAL_SECONDS, content
from monitoring.scraping.model import AUTHORITY, TARGETS, TOKEN, Kubernetes, Needs
from monitoring.scraping.rendering import commented, without_comments
from tests.image_programs import asked, checked
from tests.program.relabelling import sample

BY_NAME = {job.name: job for job in ALL}
KIND = Setting("shop-town", jobs(*Needs))
NAMES = {
    *("apiserver", "scheduler", "controller-manager", "etcd", "kubelet", "cadvisor", "coredns", "kube-state-metrics"),
    *("cilium", "hubble", "envoy", "contour"),
    *("node", "services", "postgres", "valkey", "nats", "pushgateway"),
    *("blackbox-http", "blackbox-tcp", "blackbox-dns", "blackbox-stores"),
    *("prometheus", "alertmanager", "victoria-metrics", "victoria-logs", "log-agent"),
}
RULES = Path(__file__).parents[2] / "monitoring" / "rules"
Object = dict[str, Any]


def _parsed(setting: Setting = KIND) -> Object:
    return dict(yaml.safe_load(configuration(setting)))


def test_the_jobs_of_the_contract_are_there_once_each() -> None:
    assert len(ALL) == len(BY_NAME)
    assert set(BY_NAME) == NAMES


def test_a_foreign_cluster_is_not_asked_for_what_it_does_not_show() -> None:
    """A job that never finds a target would look as if all its targets were gone."""
    left_out = NAMES - {job.name for job in jobs()}
    assert left_out == {"scheduler", "controller-manager", "etcd", "cilium", "hubble", "envoy", "contour"}


def test_the_comments_change_nothing_of_what_the_file_says() -> None:
    assert _parsed() == without_comments(content(KIND))


def test_every_job_and_every_step_is_explained_where_it_stands() -> None:
    lines = configuration(KIND).splitlines()
    explained = [number for number, line in enumerate(lines) if re.match(r" *- (job_name|action): ", line)]
    assert len(explained) > len(ALL) * 3
    assert all(re.match(r" *# \S", lines[number - 1]) for number in explained)


def test_a_comment_may_hold_what_yaml_gives_a_meaning() -> None:
    text = commented({"jobs": [{"#": "it's: {a} - 'b' # c", "name": "x", "inner": [{"#": "- d", "e": 1}]}]})
    assert "# it's: {a} - 'b' # c\n- name: x\n" in text
    assert "  # - d\n  - e: 1\n" in text
    assert yaml.safe_load(text) == {"jobs": [{"name": "x", "inner": [{"e": 1}]}]}


def test_jobs_share_their_watches_of_the_api_server() -> None:
    """Prometheus makes one watch of discoveries that are the same to the letter."""
    found = [str(job["kubernetes_sd_configs"]) for job in _parsed()["scrape_configs"] if "kubernetes_sd_configs" in job]
    assert len(found) > 15
    assert len(set(found)) == 4


def test_targets_are_found_by_kubernetes_by_dns_and_by_files() -> None:
    kinds = [key for job in _parsed()["scrape_configs"] for key in job if key.endswith("_sd_configs")]
    assert set(kinds) == {"kubernetes_sd_configs", "dns_sd_configs", "file_sd_configs"}
    assert {job.finds.role for job in ALL if isinstance(job.finds, Kubernetes)} == {
        *("node", "pod", "service", "endpointslice")
    }


def test_every_job_is_bounded() -> None:
    """A target that returns 10 MB, a million series, or nothing for a minute, costs its own scrape."""
    made = _parsed()
    for name in ("label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit"):
        assert 0 < made["global"][name] <= 512
    for job in made["scrape_configs"]:
        assert 0 < job["sample_limit"] <= 10000
        assert int(job["scrape_timeout"].rstrip("s")) < INTERVAL_SECONDS
        most = 16 if job["job_name"] == "apiserver" else 8
        assert int(job["body_size_limit"].removesuffix("MB")) <= most


def test_no_target_says_when_a_sample_was_and_few_say_whose_it_is() -> None:
    made = _parsed()["scrape_configs"]
    assert all(job["honor_timestamps"] is False for job in made)
    assert {job["job_name"] for job in made if job.get("honor_labels")} == {"kube-state-metrics", "pushgateway"}


def test_the_token_goes_to_who_asks_for_it_and_over_tls_alone() -> None:
    made = {job["job_name"]: job for job in _parsed()["scrape_configs"]}
    asked = {name for name, job in made.items() if "authorization" in job}
    assert asked == {"apiserver", "scheduler", "controller-manager", "kubelet", "cadvisor"}
    for name in asked:
        assert made[name]["scheme"] == "https"
        assert made[name]["authorization"] == {"credentials_file": TOKEN}
    unverified = {name for name in asked if made[name]["tls_config"].get("insecure_skip_verify")}
    assert unverified == {"kubelet", "cadvisor"}, "kind's kubelets sign their own certificates; nobody else does"
    assert {made[name]["tls_config"].get("ca_file") for name in asked - unverified} == {AUTHORITY}


def test_the_files_hold_every_probe_once() -> None:
    groups = [group for text in target_files(edge=True).values() for group in yaml.safe_load(text)]
    assert [group["targets"] for group in groups] == [[one.address] for one in blackbox.TARGETS]
    assert len(groups) > sum(len(yaml.safe_load(text)) for text in target_files(edge=False).values())
    named = [
        path for job in _parsed()["scrape_configs"] for one in job.get("file_sd_configs", []) for path in one["files"]
    ]
    assert sorted(named) == sorted(f"{TARGETS}/{name}" for name in target_files(edge=True))


def test_no_job_drops_what_a_rule_reads_of_it() -> None:
    """A rule about a series that is left out would be silent for ever."""
    text = "".join(file.read_text() for file in RULES.glob("*.yaml"))
    read = set(re.findall(r'\b([a-z][a-z0-9_]+)\{[^}]*job="([a-z-]+)"', text))
    assert len(read) > 5
    given = {"container": "c", "pod": "p", "verb": "GET", "le": "+Inf", "port": "80"}
    assert not [(metric, job) for metric, job in read if job in BY_NAME and not sample(BY_NAME[job], metric, **given)]


def test_the_jobs_that_rules_and_dashboards_name_are_there() -> None:
    files = [*RULES.glob("*.yaml"), *RULES.parent.glob("dashboards/*.py")]
    named = {name for file in files for name in re.findall(r'\bjob="([a-z-]+)"', file.read_text())}
    assert named - {*NAMES, "report"} == set()


def test_all_that_leaves_names_its_cluster_and_goes_to_both() -> None:
    made = _parsed()
    assert made["global"]["external_labels"] == {"cluster": "shop-town"}
    (store,) = made["remote_write"]
    assert store["url"] == "http://victoria-metrics.observability.svc.cluster.local:8428/api/v1/write"
    assert "write_relabel_configs" not in store, "the external store agrees only if nothing is left out"
    (alertmanagers,) = made["alerting"]["alertmanagers"]
    assert alertmanagers["dns_sd_configs"][0]["port"] == 9093


@pytest.mark.image_program
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    """`promtool check config` takes the file, its targets and every rule."""
    assert "rules found" in checked("promtool", tmp_path, "check", "config", _written(tmp_path))


@pytest.mark.image_program
def test_promtool_refuses_a_step_that_prometheus_would_refuse(tmp_path: Path) -> None:
    """The check checks: the same file with one wrong expression."""
    file = _written(tmp_path)
    file.write_text(file.read_text().replace("default;kubernetes;https", "default;(kubernetes;https"))
    done = asked("promtool", tmp_path, "check", "config", file)
    assert done.returncode != 0
    assert "missing closing )" in done.stdout + done.stderr


def _written(folder: Path) -> Path:
    """The configuration with its files, at paths of the folder."""
    for name, text in target_files(edge=True).items():
        (folder / name).write_text(text)
    for rule in RULES.glob("*.yaml"):
        (folder / f"rule-{rule.name}").write_text(rule.read_text())
    for name in ("token", "ca.crt"):
        (folder / name).write_text("")
    text = configuration(KIND).replace(f"{TARGETS}/", f"{folder}/").replace("/etc/prometheus/rules/", f"{folder}/rule-")
    file = folder / "prometheus.yml"
    file.write_text(text.replace(TOKEN, str(folder / "token")).replace(AUTHORITY, str(folder / "ca.crt")))
    return file
