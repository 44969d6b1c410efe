"""What the pager reads from its environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.settings import ServiceSettings


class PagerSettings(ServiceSettings):
    """The service's own settings, beside those of every service."""

    service_name: str = "pager"
    body_limit_bytes: int = Field(262_144, ge=1024, le=1_048_576, description="the most that a notification may be")

    pages_folder: Path = Field(Path("/var/lib/pager"), description="the folder that keeps the pages, on a claim")
    pages_kept: int = Field(1000, ge=1, le=100_000, description="how many pages are kept, the newest")
    pages_kept_bytes: int = Field(8_388_608, ge=1024, description="the most that the pages kept may take together")
