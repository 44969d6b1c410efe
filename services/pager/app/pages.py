"""The pages on the disk: one record for each notification, however often it is delivered."""

import hashlib
import json
from datetime import datetime

from pydantic import ValidationError

from app.schemas import Notification, Page, Status
from blueprint_kit.logs import logger
from blueprint_kit.records import Record, Records, Slice, slice_of

log = logger(__name__)


class Pages:
    """The pages in the records. All methods raise RecordsUnavailable."""

    def __init__(self, kept: Records) -> None:
        self._kept = kept

    async def keep(self, notification: Notification) -> tuple[Record, bool]:
        """Return when the notification is on the disk: its record, and whether it is new."""
        return await self._kept.keep(notification.model_dump_json().encode(), mark_of(notification))

    async def find_page(
        self, since: datetime | None, alertname: str | None, status: Status | None, page: int, size: int
    ) -> Slice[Page]:
        """The pages that came at `since` or later, of this status and with an alert of this name, newest first."""

        def find() -> Slice[Page]:
            found = [self._read(record) for record in self._kept.listed(since)]
            return slice_of(
                [
                    one
                    for one in found
                    if one is not None
                    and (status is None or one.status == status)
                    and (alertname is None or alertname in one.alertnames())
                ],
                page,
                size,
            )

        return await self._kept.apart(find)

    def _read(self, record: Record) -> Page | None:
        """The page. One that cannot be understood is left out, and said in the log."""
        content = self._kept.read(record)
        if content is None:
            return None
        try:
            notification = Notification.model_validate_json(content)
        except ValidationError as error:
            log.error("page is damaged; remove the file or mend it", page=record.id, error=str(error))
            return None
        return Page(**dict(notification), id=record.id, at=record.at)


def mark_of(notification: Notification) -> str:
    """What makes two deliveries the same notification: the group, its status, and when which alert began and ended.

    Alertmanager delivers again what was not answered, and repeats what still fires: the group is as it was.
    """
    alerts = sorted(
        (alert.fingerprint, alert.status, alert.starts_at.isoformat(), str(alert.ends_at))
        for alert in notification.alerts
    )
    said = [notification.receiver, notification.group_key, notification.status, notification.truncated_alerts, alerts]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
