"""What Prometheus scrapes and how it finds it: the jobs as typed data, rendered to the files that Prometheus reads."""

from monitoring.scraping.catalog import jobs
from monitoring.scraping.configuration import RULES, Setting, configuration
from monitoring.scraping.model import Job, Needs
from monitoring.scraping.probes import target_files

__all__ = ["RULES", "Job", "Needs", "Setting", "configuration", "jobs", "target_files"]
