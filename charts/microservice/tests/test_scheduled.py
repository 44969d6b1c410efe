"""What the chart makes of a service that runs by the clock, or when somebody makes a Job of it."""

import pytest
from rendered import SCHEDULED, Object, Render, pick


@pytest.fixture
def objects(render: Render) -> list[Object]:
    """The objects of the report."""
    return render(SCHEDULED)


@pytest.fixture
def cronjob(objects: list[Object]) -> Object:
    """The CronJob's spec."""
    found: Object = pick(objects, "CronJob", SCHEDULED)["spec"]
    return found


@pytest.mark.parametrize("replicas", [1, 2])
def test_there_is_a_cronjob_and_nothing_that_serves_or_scales(render: Render, replicas: int) -> None:
    kinds = sorted(item["kind"] for item in render(SCHEDULED, replicas=replicas))
    assert kinds == ["ConfigMap", "CronJob", "PersistentVolumeClaim", "ServiceAccount"]


def test_its_clock_is_utc_and_it_never_runs_twice_at_a_time(cronjob: Object) -> None:
    assert (cronjob["schedule"], cronjob["timeZone"]) == ("*/10 * * * *", "Etc/UTC")
    assert cronjob["concurrencyPolicy"] == "Forbid"
    assert cronjob["suspend"] is False


def test_each_job_ends_and_few_are_kept(cronjob: Object) -> None:
    job = cronjob["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (2, 120)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert (cronjob["successfulJobsHistoryLimit"], cronjob["failedJobsHistoryLimit"]) == (3, 3)


def test_it_runs_as_the_service_with_its_settings_secrets_and_claim(objects: list[Object], cronjob: Object) -> None:
    spec = cronjob["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["args"] == ["-m", "app.main", "--days", "$(REPORT_DAYS)"]
    assert container["envFrom"] == [{"configMapRef": {"name": "report-env"}}]
    assert pick(objects, "ConfigMap", "report-env")["data"]["REPORT_DAYS"] == "7"
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/tmp", "/run/secrets/nats", "/var/lib/report"}  # noqa: S108 - the pod's own
    assert spec["serviceAccountName"] == "report"


def test_nobody_asks_its_pods_and_none_is_kept_for_a_rollout(cronjob: Object) -> None:
    (container,) = cronjob["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert not [key for key in container if key.endswith("Probe") or key in {"lifecycle", "ports"}]


def test_it_may_wait_for_somebody_to_make_a_job(render: Render) -> None:
    suspended = pick(render(SCHEDULED, suspend=True, jobBackoffLimit=0), "CronJob", SCHEDULED)["spec"]
    assert suspended["suspend"] is True
    assert suspended["jobTemplate"]["spec"]["backoffLimit"] == 0
