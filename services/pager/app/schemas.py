"""What Alertmanager sends, and the pages as the service keeps and shows them.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4 of the payload. What
Alertmanager adds to it is passed over. How much of everything there may be is the limit of the body.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from blueprint_kit.times import Time

ALERTNAME = "alertname"


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True), BeforeValidator(_whole)]
Status = Literal["firing", "resolved"]
Labels = dict[str, str]


def _sent_as(name: str) -> Any:
    """A field that Alertmanager calls otherwise."""
    return Field(validation_alias=name)


class Alert(BaseModel):
    """One alert of a group. `ends_at` is null while it fires."""

    model_config = ConfigDict(populate_by_name=True)

    status: Status
    labels: Labels
    annotations: Labels
    starts_at: Time = _sent_as("startsAt")
    ends_at: Time | None = _sent_as("endsAt")
    generator_url: str = _sent_as("generatorURL")
    fingerprint: str

    @field_validator("ends_at")
    @classmethod
    def _has_ended(cls, time: datetime | None) -> datetime | None:
        """Alertmanager writes the year 1 for an end that is still to come."""
        return None if time is None or time.year == 1 else time


class Notification(BaseModel):
    """What Alertmanager says of a group of alerts at one moment."""

    model_config = ConfigDict(populate_by_name=True)

    version: Literal["4"]
    status: Status
    receiver: str
    group_key: str = _sent_as("groupKey")
    group_labels: Labels = _sent_as("groupLabels")
    common_labels: Labels = _sent_as("commonLabels")
    common_annotations: Labels = _sent_as("commonAnnotations")
    external_url: str = _sent_as("externalURL")
    truncated_alerts: Count = Field(0, validation_alias="truncatedAlerts")
    alerts: list[Alert] = Field(min_length=1)

    def alertnames(self) -> set[str]:
        """The names of its alerts."""
        return {alert.labels[ALERTNAME] for alert in self.alerts if ALERTNAME in alert.labels}


class Page(Notification):
    """A notification that was kept, and when it came."""

    id: str
    at: Time


class Kept(BaseModel):
    """What became of a notification: the page that has it, and whether it is new."""

    id: str
    new: bool


class PageList(BaseModel):
    """One page of a list that has `total` pages in all."""

    items: list[Page]
    total: int
    page: int
    size: int
