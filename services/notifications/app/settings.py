"""What the notifications read from their environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.messages import MessagesSettings
from blueprint_kit.settings import Refusal, SettingsError


class NotificationsSettings(MessagesSettings):
    """The service's own settings, beside those of every service with messages."""

    service_name: str = "notifications"

    receipts_folder: Path = Field(
        Path("/var/lib/notifications"), description="the folder that keeps the receipts, on a claim"
    )


def require_folder(settings: NotificationsSettings) -> None:
    """Raise SettingsError if the folder is not there. Whether it can be written is readiness, which may change."""
    folder = settings.receipts_folder
    if not folder.is_dir():
        value, remedy = f"RECEIPTS_FOLDER={str(folder)!r}", f"mount the claim at {folder}, or set RECEIPTS_FOLDER"
        raise SettingsError([Refusal(value, "must be a folder that is there", remedy)])
