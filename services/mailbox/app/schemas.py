"""The mails as the service shows them."""

from pydantic import BaseModel, ConfigDict, Field

from blueprint_kit.times import Time


class Envelope(BaseModel):
    """What the client said before the mail itself: whom it is from and for, whatever the mail's own headers say."""

    model_config = ConfigDict(populate_by_name=True)

    sender: str = Field(alias="from")
    recipients: list[str] = Field(alias="to")
    client: str


class MailSummary(Envelope):
    """One mail in a list. `message_id` and `subject` are its headers', empty where it has none."""

    id: str
    at: Time
    message_id: str
    subject: str
    size: int = Field(description="of the mail in bytes")


class Header(BaseModel):
    """One header, decoded (RFC 2047)."""

    name: str
    value: str


class Mail(MailSummary):
    """One mail. `text` and `html` are its parts of these types, as text: nothing of it is shown as a page."""

    headers: list[Header]
    text: str | None
    html: str | None


class MailPage(BaseModel):
    """One page of a list that has `total` mails in all."""

    items: list[MailSummary]
    total: int
    page: int
    size: int
