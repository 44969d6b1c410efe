"""The load generator's program: one run, then a summary in JSON lines. Exits with 0, 1 (not as expected) or 78."""

import signal
import sys

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from locust.env import Environment

from app.answers import FINAL
from app.arguments import Run, parse_arguments
from app.settings import LoadgenSettings
from app.shopper import Shared, Shopper
from app.summary import Verdict, failures, numbers, verdict
from blueprint_kit.logs import configure_logs, logger
from blueprint_kit.server import EXIT_FAILED, refuse
from blueprint_kit.settings import SettingsError, load_settings

PROGRESS_SECONDS = 10.0
RAMP_SECONDS = 5.0  # in which all visitors come
INTERRUPTED_SECONDS = 5.0  # to finish in after a signal: Kubernetes kills after its grace period

log = logger(__name__)


def main() -> None:
    """Make one run, as the environment and the arguments say."""
    try:
        settings = load_settings(LoadgenSettings)
        run = parse_arguments(sys.argv[1:])
    except SettingsError as error:
        refuse(error)
    configure_logs(settings)
    if not load(settings, run).ok:
        raise SystemExit(EXIT_FAILED)


def load(settings: LoadgenSettings, run: Run) -> Verdict:
    """Let the visitors come, wait until the last order is at its end, and say how it was."""
    Shopper.host, Shopper.settings, Shopper.shared = settings.gateway_url, settings, Shared()
    # Who is in the midst of something at the end finishes it, at most an order that is as late as it may be.
    environment = Environment(user_classes=[Shopper], stop_timeout=settings.final_seconds + Shopper.network_timeout)
    runner = environment.create_local_runner()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    log.info("run begins", gateway=settings.gateway_url, users=run.users, seconds=run.seconds)
    runner.start(run.users, spawn_rate=max(1.0, run.users / RAMP_SECONDS))
    progress = gevent.spawn(say_progress, environment)
    interrupted = bool(stop.wait(timeout=run.seconds))
    if interrupted:
        environment.stop_timeout = INTERRUPTED_SECONDS
    runner.stop()
    progress.kill()
    return say_summary(environment, Shopper.shared, interrupted=interrupted)


def say_progress(environment: Environment) -> None:
    """Say now and then how it goes."""
    while True:
        gevent.sleep(PROGRESS_SECONDS)
        total = environment.stats.total
        per_second = round(total.current_rps, 1)
        log.info("progress", requests=total.num_requests, failures=total.num_failures, per_second=per_second)


def say_summary(environment: Environment, shared: Shared, *, interrupted: bool) -> Verdict:
    """Say the numbers, the failures and the verdict, a line each."""
    orders = dict(shared.orders)
    ended = sum(orders.get(state, 0) for state in FINAL)
    found = verdict(environment, orders.get("accepted", 0), ended, interrupted=interrupted)
    for line in numbers(environment):
        log.info("requests", **line)
    for line in failures(environment):
        log.error("failed requests", **line)
    say = log.info if found.ok else log.error
    total = environment.stats.total
    say("run ended", ok=found.ok, reasons=found.reasons, requests=total.num_requests, orders=orders)
    return found


if __name__ == "__main__":
    main()
