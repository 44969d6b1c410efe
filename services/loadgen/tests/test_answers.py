"""What an answer must be."""

from typing import Any

import pytest

from app.answers import UnexpectedError, document, items, state


def test_expected_answer_is_its_document() -> None:
    assert document(202, '{"id": "1"}', 202) == {"id": "1"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, "", "status 500 instead of 200"),
        (0, None, "no answer instead of 200"),
        (503, '{"type": "urn:blueprint:problem:x"}', "status 503 instead of 200, urn:blueprint:problem:x"),
        (201, "{}", "status 201 instead of 200"),
        (200, "", "no JSON object"),
        (200, "[]", "no JSON object"),
        (200, "<html>", "no JSON object"),
    ],
)
def test_other_answers_say_what_is_wrong(status: int, body: str | None, words: str) -> None:
    with pytest.raises(UnexpectedError, match=words):
        document(status, body, 200)


@pytest.mark.parametrize("page", [{}, {"items": None, "total": 0}, {"items": [1], "total": 1}, {"items": []}])
def test_list_has_its_shape(page: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedError, match="a list without"):
        items(page)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"id": "2", "status": "paid"}, "another order"),
        ({"id": "1"}, "no status"),
        ({"id": "1", "status": "lost"}, "unknown state lost"),
    ],
)
def test_order_is_the_one_asked_for_in_a_known_state(order: dict[str, Any], words: str) -> None:
    with pytest.raises(UnexpectedError, match=words):
        state(order, "1")
