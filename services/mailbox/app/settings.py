"""What the mailbox reads from its environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.settings import ServiceSettings


class MailboxSettings(ServiceSettings):
    """The service's own settings, beside those of every service."""

    service_name: str = "mailbox"

    smtp_port: int = Field(2525, ge=0, le=65535, description="the port that takes mail; 0 takes a free one")
    mail_domain: str = Field(
        "blueprint.test",
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$",
        description="the one domain whose mail is taken, in small letters",
    )
    mail_limit_bytes: int = Field(262_144, ge=1024, le=10_485_760, description="the most that a mail may be")
    recipients_limit: int = Field(20, ge=1, le=1000, description="the most recipients that a mail may have")
    sessions_limit: int = Field(20, ge=1, le=1000, description="how many clients may be connected at a time")
    smtp_seconds: float = Field(20, gt=0, le=300, description="how long a command, or a mail's text, may take")
    session_seconds: float = Field(120, gt=0, le=3600, description="how long a client may be connected")

    mails_folder: Path = Field(Path("/var/lib/mailbox"), description="the folder that keeps the mails, on a claim")
    mails_kept: int = Field(1000, ge=1, le=100_000, description="how many mails are kept, the newest")
    mails_kept_bytes: int = Field(33_554_432, ge=1024, description="the most that the mails kept may take together")
