"""Who may do what at the broker. A pure table; every user is a service, and may what its service does and no more.

Publishing is what is ruled: to ask JetStream for anything is to publish to a subject of its API.
Sources: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/authorization and
https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

import json
from collections.abc import Mapping

_API = "$JS.API"


def consumes(stream: str, consumer: str) -> tuple[str, ...]:
    """What the durable pull consumer of a stream needs."""
    return (
        f"{_API}.CONSUMER.INFO.{stream}.{consumer}",  # to wait until it is declared
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.{consumer}",  # to pull its messages
        f"$JS.ACK.{stream}.{consumer}.>",  # to acknowledge them, put them back, ask for more time, give them up
        f"dead.{consumer}",  # to keep what it gives up
    )


PUBLISH: Mapping[str, tuple[str, ...]] = {
    "orders": (
        "orders.*",  # the events of its outbox, one subject for each kind
        f"{_API}.INFO",  # to know that JetStream answers
        *consumes("ORDERS", "orders-saga"),
    ),
    "notifications": (
        f"{_API}.INFO",
        *consumes("ORDERS", "notifications"),
    ),
    "report": (
        f"{_API}.INFO",
        f"{_API}.STREAM.INFO.ORDERS",  # to know the last message
        f"{_API}.STREAM.MSG.GET.ORDERS",  # to read one message after the other; no consumer of its own
    ),
    "streams": (
        f"{_API}.INFO",
        # To bring the streams and consumers to what is declared. Neither deletes, purges nor reads.
        *(f"{_API}.STREAM.{verb}.*" for verb in ("INFO", "CREATE", "UPDATE")),
        f"{_API}.STREAM.NAMES",
        f"{_API}.STREAM.LIST",
        f"{_API}.CONSUMER.NAMES.*",
        f"{_API}.CONSUMER.LIST.*",
        f"{_API}.CONSUMER.INFO.*.*",
        f"{_API}.CONSUMER.CREATE.>",  # stream, consumer and what it filters
        f"{_API}.CONSUMER.DURABLE.CREATE.*.*",
    ),
}
"""The subjects that each user may publish to."""


def subscribes(user: str) -> str:
    """Answers, and what a consumer pulls, come to the user's own inboxes. Nobody listens to any other subject."""
    return f"_INBOX.{user}.>"


def users_file(passwords: Mapping[str, str]) -> str:
    """The part of the configuration that names the users. JSON is a form of it, and quotes all that needs it."""
    users = [
        {
            "user": user,
            "password": passwords[user],
            "permissions": {"publish": {"allow": list(subjects)}, "subscribe": {"allow": [subscribes(user)]}},
        }
        for user, subjects in PUBLISH.items()
    ]
    return json.dumps({"authorization": {"users": users}}, indent=2)
