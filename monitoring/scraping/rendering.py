"""A job as Prometheus' configuration has it, and YAML with comments that stand where they belong."""

import re
import textwrap
from typing import Any

import yaml

from monitoring.scraping.model import API_SERVER_NAME, AUTHORITY, TOKEN, Job, Step

_COLUMNS = 110
_COMMENT = re.compile(r"^(?P<indent> *)(?P<item>- )?'#': (?P<text>.*)$")


def rendered_job(job: Job) -> dict[str, Any]:
    """One entry of `scrape_configs`. What is as Prometheus has it by default is left out.

    `honor_timestamps` is off everywhere: a sample's time is when it was scraped, so no target can write into the past
    or the future, and a series whose target is gone ends at once.
    """
    made: dict[str, Any] = {"#": job.why, "job_name": job.name, "honor_timestamps": False}
    if job.own_labels:
        made["honor_labels"] = True
    if job.path != "/metrics":
        made["metrics_path"] = job.path
    if job.parameters:
        made["params"] = {key: [value] for key, value in job.parameters.items()}
    made |= {
        "scrape_timeout": f"{job.limits.seconds}s",
        "sample_limit": job.limits.samples,
        "body_size_limit": f"{job.limits.megabytes}MB",
    }
    if job.tls:
        made |= _tls(job.verified)
    made |= job.finds.rendered()
    return made | _steps("relabel_configs", job.targets) | _steps("metric_relabel_configs", job.samples)


def _tls(verified: bool) -> dict[str, Any]:
    looks = {"ca_file": AUTHORITY, "server_name": API_SERVER_NAME} if verified else {"insecure_skip_verify": True}
    return {"scheme": "https", "authorization": {"credentials_file": TOKEN}, "tls_config": looks}


def _steps(key: str, steps: tuple[Step, ...]) -> dict[str, Any]:
    return {key: [step.rendered() for step in steps]} if steps else {}


class _Dumper(yaml.SafeDumper):
    """Writes a list of plain values on one line."""


def _sequence(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    plain = all(isinstance(value, str | int) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=plain)


_Dumper.add_representer(list, _sequence)


def commented(content: dict[str, Any]) -> str:
    """YAML in which each value under the key `#` is a comment above the mapping that it was in.

    Such a key is the first of its mapping.
    """
    plain = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    lines: list[str] = []
    item = ""
    for line in plain.splitlines():
        found = _COMMENT.match(line)
        if found:
            item = found["item"] or ""
            lines += _comment(found["indent"], yaml.safe_load(found["text"]), apart=bool(item))
        else:
            indent = len(line) - len(line.lstrip())
            lines.append(f"{line[: indent - 2]}{item}{line[indent:]}" if item else line)
            item = ""
    return "\n".join(lines) + "\n"


def _comment(indent: str, text: str, *, apart: bool) -> list[str]:
    """The comment's lines; an item of the outermost lists stands apart from the one before."""
    lines = [f"{indent}# {line}" for line in textwrap.wrap(text, _COLUMNS - len(indent))]
    return ["", *lines] if apart and not indent else lines


def without_comments(content: Any) -> Any:
    """The same without the keys `#`: what the YAML means."""
    if isinstance(content, dict):
        return {key: without_comments(value) for key, value in content.items() if key != "#"}
    if isinstance(content, list):
        return [without_comments(value) for value in content]
    return content
