"""The report program. Exits with 0, 1 (failed) or 78 (refused settings or arguments)."""

import asyncio
import signal
import sys

from app.ledger import LedgerError
from app.pushing import PushError
from app.report import report
from app.settings import ReportSettings, read_days, require_folder
from blueprint_kit.logs import configure_logs, logger
from blueprint_kit.messages import MessagesUnavailable
from blueprint_kit.server import EXIT_FAILED, refuse
from blueprint_kit.settings import SettingsError, load_settings, read_secret

log = logger(__name__)


def main() -> None:
    """The program."""
    try:
        days = read_days(sys.argv[1:])
        settings = load_settings(ReportSettings)
        read_secret(settings.nats_password_file)
        require_folder(settings)
    except SettingsError as error:
        refuse(error)
        return
    configure_logs(settings)
    try:
        asyncio.run(_until_signal(settings, days))
    except (MessagesUnavailable, LedgerError, OSError, PushError) as error:
        log.error("report failed", error=str(error), cause=str(error.__cause__ or ""))
    except asyncio.CancelledError:
        log.error("report failed", error="stopped by SIGTERM; the next report goes on from what is saved")
    except Exception:
        log.exception("report failed")
    else:
        return
    raise SystemExit(EXIT_FAILED)


async def _until_signal(settings: ReportSettings, days: int) -> None:
    """Make the report; SIGTERM, which the first process of a container would not notice, ends it."""
    making = asyncio.ensure_future(report(settings, days))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, making.cancel)
    await making


if __name__ == "__main__":
    main()
