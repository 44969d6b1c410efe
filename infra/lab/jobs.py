"""Chapter 3: work that ends. A Job runs pods until enough of them succeeded; a CronJob makes Jobs by the clock."""

import pulumi
from pulumi_kubernetes.batch.v1 import CronJob, CronJobSpecArgs, Job, JobSpecArgs, JobTemplateSpecArgs

from infra.lab.exhibit import Room, container, metadata, pod, template

COMPLETIONS = 4
PARALLELISM = 2
BACKOFF_LIMIT = 1


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """A Job of several pods, a CronJob, and one whose Job fails; that one is suspended, so that it fails on request."""
    Job("completions", metadata=metadata(room, "completions", "C13"), spec=indexed_job(room.toolbox), opts=opts)
    CronJob("hourly", metadata=metadata(room, "hourly", "C14"), spec=hourly(room.toolbox), opts=opts)
    CronJob("fails", metadata=metadata(room, "fails", "C13"), spec=fails(room.toolbox), opts=opts)


def indexed_job(image: pulumi.Input[str]) -> JobSpecArgs:
    """Four completions, two at a time, each with a number of its own in JOB_COMPLETION_INDEX.

    The index tells a pod which share of the work is its own, so no queue is needed to divide it.
    """
    command = ["sh", "-ec", 'echo "share $JOB_COMPLETION_INDEX"; sleep 2']
    spec = pod([container(image, "work", command)], restart_policy="Never")
    return JobSpecArgs(
        completions=COMPLETIONS,
        parallelism=PARALLELISM,
        completion_mode="Indexed",
        backoff_limit=COMPLETIONS,
        template=template("completions", spec),
    )


def hourly(image: pulumi.Input[str]) -> CronJobSpecArgs:
    """Says the time at each full hour (UTC).

    `Forbid` skips a run while the one before it still works. A run that is more than two minutes late, because the
    controller was away, is left out. Only the last Job of each outcome is kept.
    """
    spec = pod([container(image, "clock", ["date", "-u"])], restart_policy="OnFailure")
    return CronJobSpecArgs(
        schedule="0 * * * *",
        time_zone="Etc/UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=120,
        successful_jobs_history_limit=1,
        failed_jobs_history_limit=1,
        job_template=JobTemplateSpecArgs(spec=JobSpecArgs(backoff_limit=1, template=template("hourly", spec))),
    )


def fails(image: pulumi.Input[str]) -> CronJobSpecArgs:
    """A Job whose pods fail. After the first failure it tries once more, ten seconds later, and then stops for good.

    Each further attempt would wait twice as long, up to six minutes. A suspended CronJob keeps the pattern without a
    run: `kubectl create job --from=cronjob/fails <name>` makes one.
    """
    spec = pod([container(image, "work", ["sh", "-c", "echo cannot; exit 3"])], restart_policy="Never")
    return CronJobSpecArgs(
        schedule="0 0 1 1 *",
        suspend=True,
        job_template=JobTemplateSpecArgs(
            spec=JobSpecArgs(backoff_limit=BACKOFF_LIMIT, template=template("fails", spec))
        ),
    )
