"""What the mailbox and the pager of the running stack have got, typed. Nothing is removed: tests look side by side.

inbox = receivers.mailbox.cleared()  # what is there already is somebody else's
...
eventually("the mail is there", lambda: len(inbox.mails(to="ops@blueprint.test")) == 1, seconds=180)
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from tests.cluster.issuing import forwarded
from tests.cluster.kube import Kube

NAMESPACE = "observability"
PAGE_SIZE = 100
SECONDS = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Mail:
    """One mail: its envelope, and what a list shows of it."""

    id: str
    at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    message_id: str


@dataclass(frozen=True)
class MailContent:
    """What a mail says. Headers by their names in small letters; the last of a name."""

    headers: dict[str, str]
    text: str | None
    html: str | None


@dataclass(frozen=True)
class PagedAlert:
    """One alert of a page. It ends when it is resolved."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]


@dataclass(frozen=True)
class Page:
    """One notification by webhook: a group of alerts."""

    id: str
    at: datetime
    status: str
    receiver: str
    group_key: str
    group_labels: dict[str, str]
    common_labels: dict[str, str]
    alerts: tuple[PagedAlert, ...]


class Connection:
    """A way to a service's port past the network's policies, laid anew when its pod is another one."""

    def __init__(self, kube: Kube, service: str) -> None:
        self._kube, self._service = kube, service
        self._open = ExitStack()
        self._http: httpx.Client | None = None

    def get(self, path: str, **asked: Any) -> dict[str, Any]:
        """What the service answers, which must be 200."""
        try:
            answer = self._client().get(path, params=asked)
        except httpx.TransportError:
            self.close()
            answer = self._client().get(path, params=asked)
        assert answer.status_code == 200, f"{self._service}{path} {asked}: {answer.status_code}: {answer.text}"
        return dict(answer.json())

    def close(self) -> None:
        """Take it away."""
        self._http = None
        self._open.close()

    def _client(self) -> httpx.Client:
        if self._http is None:
            port = self._open.enter_context(forwarded(self._kube, NAMESPACE, f"service/{self._service}", 80))
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS)
            self._http = self._open.enter_context(client)
        return self._http


@dataclass(frozen=True)
class Mailbox:
    """The mails that came after the one with the id `after`."""

    connection: Connection = field(repr=False)
    after: str = ""

    def mails(self, to: str | None = None, since: datetime | None = None) -> list[Mail]:
        """Those for an address, and since a time where given; oldest first."""
        return _listed(self.connection, "/api/mails", _mail, self.after, since, to=to)

    def content(self, mail: Mail) -> MailContent:
        """What a mail says."""
        found = self.connection.get(f"/api/mails/{mail.id}")
        headers = {header["name"].lower(): header["value"] for header in found["headers"]}
        return MailContent(headers, found["text"], found["html"])

    def cleared(self) -> "Mailbox":
        """The same without what is there now. Ids grow, whatever the clock does."""
        return replace(self, after=_newest(self.connection, "/api/mails"))


@dataclass(frozen=True)
class Pager:
    """The pages that came after the one with the id `after`."""

    connection: Connection = field(repr=False)
    after: str = ""

    def pages(
        self, alertname: str | None = None, status: str | None = None, since: datetime | None = None
    ) -> list[Page]:
        """Those with an alert of a name, of a status, and since a time where given; oldest first."""
        return _listed(self.connection, "/api/pages", _page, self.after, since, alertname=alertname, status=status)

    def cleared(self) -> "Pager":
        """The same without what is there now."""
        return replace(self, after=_newest(self.connection, "/api/pages"))


@dataclass(frozen=True)
class Receivers:
    """Both."""

    mailbox: Mailbox
    pager: Pager

    def cleared(self) -> "Receivers":
        """The same without what is there now."""
        return Receivers(self.mailbox.cleared(), self.pager.cleared())


@contextmanager
def receivers_of(kube: Kube) -> Iterator[Receivers]:
    """The running mailbox and pager."""
    connections = [Connection(kube, service) for service in ("mailbox", "pager")]
    try:
        yield Receivers(Mailbox(connections[0]), Pager(connections[1]))
    finally:
        for connection in connections:
            connection.close()


def _listed(
    connection: Connection,
    path: str,
    shaped: Callable[[dict[str, Any]], Item],
    after: str,
    since: datetime | None,
    **asked: str | None,
) -> list[Item]:
    """Everything that a list has, oldest first. What comes while it is read moves the rest on, so ids count."""
    begin = max(_time_of(after), since or _EPOCH)
    given = {name: value for name, value in asked.items() if value is not None}
    found: dict[str, dict[str, Any]] = {}
    page, total = 1, 1
    while (page - 1) * PAGE_SIZE < total:
        shown = connection.get(path, since=begin.isoformat(), page=page, size=PAGE_SIZE, **given)
        found |= {item["id"]: item for item in shown["items"]}
        page, total = page + 1, shown["total"]
    return [shaped(found[id_]) for id_ in sorted(found) if id_ > after]


def _newest(connection: Connection, path: str) -> str:
    items = connection.get(path, size=1)["items"]
    return str(items[0]["id"]) if items else ""


def _time_of(id_: str) -> datetime:
    """An id begins with its time in microseconds."""
    return _EPOCH + timedelta(microseconds=int(id_.partition("-")[0] or 0))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _mail(item: dict[str, Any]) -> Mail:
    same = {name: item[name] for name in ("id", "subject", "message_id")}
    return Mail(**same, at=_time(item["at"]), sender=item["from"], to=tuple(item["to"]))


def _page(item: dict[str, Any]) -> Page:
    same = ("id", "status", "receiver", "group_key", "group_labels", "common_labels")
    alerts = tuple(_alert(alert) for alert in item["alerts"])
    return Page(**{name: item[name] for name in same}, at=_time(item["at"]), alerts=alerts)


def _alert(item: dict[str, Any]) -> PagedAlert:
    same = {name: item[name] for name in ("status", "labels", "annotations")}
    ends_at = None if item["ends_at"] is None else _time(item["ends_at"])
    return PagedAlert(**same, starts_at=_time(item["starts_at"]), ends_at=ends_at)
