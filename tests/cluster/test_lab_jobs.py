"""The lab, chapter 3: a Job ends when its work is done or its patience is; a CronJob makes Jobs by the clock."""

import uuid

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, Object, exhibit, place, wait

MINUTE_SECONDS = 60


@pytest.mark.concept("C13")
def test_a_job_runs_two_pods_at_a_time_until_four_have_succeeded(kube: Kube, namespace: str) -> None:
    """Never more than `parallelism` pods work; in the end each share of the work was done once."""
    place(kube, namespace, exhibit(kube, "job", "completions"))
    active: set[int] = set()

    def complete() -> bool:
        job = _job(kube, namespace, "completions")
        active.add(int(job["status"].get("active", 0)))
        return _condition(job, "Complete")

    wait(kube, namespace, "the Job is complete", complete)
    assert max(active) == 2
    assert _job(kube, namespace, "completions")["status"]["succeeded"] == 4
    assert sorted(_logs(kube, namespace, "completions")) == ["share 0", "share 1", "share 2", "share 3"]


@pytest.mark.concept("C13")
def test_a_failing_job_stops_at_its_limit(kube: Kube) -> None:
    """With a backoff limit of 1 there are two attempts and no third; the Job says why it failed."""
    name = f"fails-{uuid.uuid4().hex[:6]}"
    kube.run("create", "job", name, "--from=cronjob/fails", "--namespace", LAB)
    try:
        wait(kube, LAB, "the Job has failed", lambda: _condition(_job(kube, LAB, name), "Failed"))
        job = _job(kube, LAB, name)
        (reason,) = {found["reason"] for found in job["status"]["conditions"] if found["type"] == "Failed"}
        assert reason == "BackoffLimitExceeded"
        assert job["status"]["failed"] == 2
        assert _logs(kube, LAB, name) == ["cannot", "cannot"]
    finally:
        kube.run("delete", "job", name, "--namespace", LAB, "--wait=false")


@pytest.mark.concept("C14")
def test_a_cron_job_makes_a_job_by_the_clock(kube: Kube, namespace: str) -> None:
    """The hourly exhibit, set to every minute: within one, a Job of it has run to its end."""
    every_minute = exhibit(kube, "cronjob", "hourly")
    every_minute["spec"]["schedule"] = "* * * * *"
    place(kube, namespace, every_minute)

    def done() -> list[Object]:
        jobs = kube.items("jobs", "--namespace", namespace)
        return [job for job in jobs if _condition(job, "Complete")]

    wait(kube, namespace, "a Job was made and is complete", lambda: bool(done()), seconds=2 * MINUTE_SECONDS)
    job = done()[0]
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("CronJob", "hourly")
    assert job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"].endswith(":00Z")
    assert "UTC" in _logs(kube, namespace, job["metadata"]["name"])[0]


def _job(kube: Kube, namespace: str, name: str) -> Object:
    return kube.get("job", name, "--namespace", namespace)


def _condition(job: Object, kind: str) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(found["type"] == kind and found["status"] == "True" for found in conditions)


def _logs(kube: Kube, namespace: str, job: str) -> list[str]:
    chosen = ["--namespace", namespace, "--selector", f"batch.kubernetes.io/job-name={job}"]
    return kube.run("logs", *chosen, "--tail=-1").split("\n")[:-1]
