"""The streams program. Exits with 0, 1 (failed) or 78 (refused settings, file, or change)."""

import asyncio
import signal

from app.applying import bring
from app.declared import Declared, read
from app.settings import StreamsSettings
from blueprint_kit.logs import configure_logs, logger
from blueprint_kit.messages import MessagesUnavailable
from blueprint_kit.server import EXIT_FAILED, refuse
from blueprint_kit.settings import SettingsError, load_settings, read_secret

log = logger(__name__)


def main() -> None:
    """The program."""
    try:
        settings = load_settings(StreamsSettings)
        read_secret(settings.nats_password_file)
        declared = read(settings.streams_file)
        configure_logs(settings)
        asyncio.run(_until_signal(settings, declared))
    except SettingsError as error:
        refuse(error)
    except MessagesUnavailable as error:
        log.error("streams failed", error=str(error), cause=str(error.__cause__ or ""))
    except asyncio.CancelledError:
        log.error("streams failed", error="stopped by SIGTERM; the next run does what is left")
    except Exception:
        log.exception("streams failed")
    else:
        return
    raise SystemExit(EXIT_FAILED)


async def _until_signal(settings: StreamsSettings, declared: Declared) -> None:
    """Do the work; SIGTERM, which the first process of a container would not notice, ends it."""
    bringing = asyncio.ensure_future(bring(settings, declared, settings.streams_seconds))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, bringing.cancel)
    log.info("streams are as declared", **vars(await bringing))


if __name__ == "__main__":
    main()
