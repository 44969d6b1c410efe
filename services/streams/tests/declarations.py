"""A declaration that is good, and others like it."""

from copy import deepcopy
from typing import Any

from app.declared import Declared

CONSUMER = {
    "name": "saga",
    "filter_subject": "orders.placed",
    "ack_wait": 30,
    "max_deliver": -1,
    "max_ack_pending": 256,
}
STREAM: dict[str, Any] = {
    "name": "ORDERS",
    "subjects": ["orders.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "old",
    "max_bytes": 1_048_576,
    "max_age": 3600,
    "duplicate_window": 600,
    "consumers": [CONSUMER],
}


def content(**stream: Any) -> dict[str, Any]:
    """The file's content, with one stream."""
    return {"streams": [deepcopy(STREAM) | stream]}


def declared(consumer: dict[str, Any] | None = None, **stream: Any) -> Declared:
    """What it declares; `consumer` and `stream` replace parts of it."""
    consumers = {} if consumer is None else {"consumers": [CONSUMER | consumer]}
    return Declared.model_validate(content(**consumers, **stream))
