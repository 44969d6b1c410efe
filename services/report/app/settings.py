"""What the report reads: settings from its environment, and how many days from its arguments."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import Field

from blueprint_kit.messages import MessagesSettings
from blueprint_kit.settings import Refusal, SettingsError

DAYS = 7
MOST_DAYS = 366


class ReportSettings(MessagesSettings):
    """The report's own settings, beside those of every service with messages."""

    service_name: str = "report"

    report_folder: Path = Field(
        Path("/var/lib/report"), description="the folder that keeps the sales and the position, on a claim"
    )
    report_seconds: float = Field(
        120, gt=0, le=3600, description="how long to wait, in all, for the broker and for another report to end"
    )
    pushgateway_url: str = Field(
        "", pattern=r"^(https?://[^/?#@]+)?$", description="where the Pushgateway is, as http://host:port; empty: none"
    )
    pushgateway_seconds: float = Field(3, gt=0, le=60, description="how long it may take to answer")


def require_folder(settings: ReportSettings) -> None:
    """Raise SettingsError if the folder is not there."""
    folder = settings.report_folder
    if not folder.is_dir():
        value, remedy = f"REPORT_FOLDER={str(folder)!r}", f"mount the claim at {folder}, or set REPORT_FOLDER"
        raise SettingsError([Refusal(value, "must be a folder that is there", remedy)])


def read_days(arguments: Sequence[str]) -> int:
    """How many days the report shows, from its arguments. Raises SettingsError."""
    parser = _Parser(prog="report", description=__doc__, allow_abbrev=False)
    parser.add_argument("--days", default=DAYS, type=_days, help=f"how many days are shown, today the last ({DAYS})")
    return int(parser.parse_args(arguments).days)


def _days(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from 1 to {MOST_DAYS}")
    return int(given)


class _Parser(argparse.ArgumentParser):
    """argparse's parser, that refuses as settings are refused."""

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError."""
        raise SettingsError([Refusal("arguments", message, f"use --days N, with N from 1 to {MOST_DAYS}")])
