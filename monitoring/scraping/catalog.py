"""All jobs, in the order in which they stand in the file: from the machine up to what watches."""

from monitoring.scraping import control_plane, monitors, network, probes, suite
from monitoring.scraping.model import Job, Needs

ALL = (*control_plane.JOBS, *network.JOBS, *suite.JOBS, *probes.JOBS, *monitors.JOBS)


def jobs(*has: Needs) -> tuple[Job, ...]:
    """The jobs that find something on a cluster which has these."""
    return tuple(job for job in ALL if job.needs in (None, *has))
