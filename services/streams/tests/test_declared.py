"""The file: what it may say, and how a bad one is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from declarations import CONSUMER, STREAM, content

from app.declared import read
from blueprint_kit.settings import SettingsError

SUITE = Path("/work/main/infra/data/streams.yaml")


def refusals(tmp_path: Path, given: object) -> list[tuple[str, str]]:
    file = tmp_path / "streams.yaml"
    file.write_text(given if isinstance(given, str) else yaml.safe_dump(given))
    with pytest.raises(SettingsError) as refused:
        read(file)
    assert all(str(file) in item.remedy + item.value for item in refused.value.refusals)
    return [(item.value, item.rule) for item in refused.value.refusals]


@pytest.mark.skipif(not SUITE.exists(), reason=f"needs {SUITE}")
def test_suite_s_own_file_is_the_contract() -> None:
    orders, dead = read(SUITE).streams
    kept = ("file", "limits", "old")
    assert (orders.name, orders.subjects, dead.name, dead.subjects) == (
        "ORDERS",
        ["orders.>"],
        "DEAD_LETTERS",
        ["dead.>"],
    )
    assert (orders.storage, orders.retention, orders.discard) == (dead.storage, dead.retention, dead.discard) == kept
    assert (orders.max_bytes, orders.max_age, orders.duplicate_window) == (256 << 20, 30 * 86_400, 600)
    assert (dead.max_bytes, dead.max_age) == (64 << 20, 90 * 86_400)
    assert [(one.name, one.filter_subject) for one in orders.consumers] == [
        ("orders-saga", "orders.placed"),
        ("notifications", "orders.confirmed"),
    ]
    assert {(one.ack_wait, one.max_deliver, one.max_ack_pending) for one in orders.consumers} == {(30, -1, 256)}


@pytest.mark.parametrize(("given", "seconds"), [(1, 1), ("90s", 90), ("10m", 600), ("12h", 43_200), ("30d", 2_592_000)])
def test_times_are_seconds_or_say_their_unit(tmp_path: Path, given: object, seconds: int) -> None:
    file = tmp_path / "streams.yaml"
    file.write_text(yaml.safe_dump(content(max_age=given, duplicate_window=1)))
    assert read(file).streams[0].max_age == seconds


@pytest.mark.parametrize(
    ("given", "value", "rule"),
    [
        (content(max_age="a month"), "streams.0.max_age: 'a month'", "one of s, m, h, d"),
        (content(max_age=0), "streams.0.max_age: 0", "greater than or equal to 1"),
        (content(max_age="0d"), "streams.0.max_age: '0d'", "greater than or equal to 1"),
        (content(max_bytes="256M"), "streams.0.max_bytes: '256M'", "valid integer"),
        (content(max_bytes=-1), "streams.0.max_bytes: -1", "greater than or equal to 1"),
        (content(storage="disk"), "streams.0.storage: 'disk'", "'file' or 'memory'"),
        (content(name="OR DERS"), "streams.0.name", "match pattern"),
        (content(subjects=[]), "streams.0.subjects", "at least 1 item"),
        (content(subjects=["orders.>.x"]), "streams.0.subjects.0", "match pattern"),
        (content(colour="red"), "streams.0.colour: 'red'", "Extra inputs are not permitted"),
        (content(duplicate_window=3601), "streams.0", "must not be longer than its max_age"),
        (content(consumers=[CONSUMER, CONSUMER]), "streams.0", "declared once; twice: saga"),
        (content(consumers=[CONSUMER | {"filter_subject": "dead.x"}]), "streams.0", "has nothing of dead.x"),
        (content(consumers=[CONSUMER | {"max_deliver": 0}]), "streams.0.consumers.0.max_deliver: 0", "must be -1"),
        (content(consumers=[CONSUMER | {"ack_policy": "none"}]), "streams.0.consumers.0.ack_policy", "'explicit'"),
        ({"streams": [STREAM, STREAM]}, "the whole", "each stream must be declared once; twice: ORDERS"),
        ({"streams": [STREAM, STREAM | {"name": "B", "subjects": ["orders.placed"]}]}, "the whole", "overlap"),
        ({"streams": []}, "streams", "at least 1 item"),
        ({}, "streams", "Field required"),
        ("- a list", "the whole", "valid dictionary"),
        ("", "the whole", "valid dictionary"),
        ("streams: [", "STREAMS_FILE=", "must be YAML"),
        ("streams: !!python/object:os.system {}", "STREAMS_FILE=", "must be YAML"),
    ],
)
def test_bad_file_is_refused_with_value_rule_and_remedy(tmp_path: Path, given: Any, value: str, rule: str) -> None:
    ((said, broken),) = refusals(tmp_path, given)
    assert said.startswith(value)
    assert rule in broken


def test_all_that_is_refused_is_named_at_once(tmp_path: Path) -> None:
    found = refusals(tmp_path, content(max_age=0, storage="disk"))
    assert [value for value, _ in found] == ["streams.0.storage: 'disk'", "streams.0.max_age: 0"]


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"STREAMS_FILE='.*nothing': must be a readable text file"):
        read(tmp_path / "nothing")
