"""The personas as data: no right says too much, and the table and the rules say the same."""

import ast
import inspect

import pytest

from policies.personas import AUDITOR, PERSONAS, PLATFORM_ADMIN, RELEASE_BOT, SHOP_DEVELOPER, Persona, Rule, Way
from policies.personas import personas as source
from policies.personas.model import NEVER, READ
from policies.personas.subjects import subjects
from policies.personas.table import TABLE, Cell, cells

CELLS = list(cells())
FOR_EVERYBODY = "selfsubjectaccessreviews"
"""What Kubernetes gives to whoever is authenticated."""


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_the_table_says_what_the_rules_say(persona: Persona) -> None:
    """The table is written by hand, so a right that slips into a rule differs from it."""
    wrong = [
        str(cell)
        for cell in CELLS
        if cell.persona is persona
        and cell.resource != FOR_EVERYBODY
        and cell.can != persona.may(cell.verb, cell.resource, cell.group, cell.namespace)
    ]
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_every_right_has_a_cell(persona: Persona) -> None:
    able = {(cell.verb, cell.resource, cell.group) for cell in CELLS if cell.persona is persona and cell.can}
    rights = {
        (verb, resource, rule.group) for rule in persona.rules for verb in rule.verbs for resource in rule.resources
    }
    assert not rights - able


def test_no_cell_is_asked_twice_and_none_contradicts_another() -> None:
    keys = [(cell.persona.name, cell.verb, cell.resource, cell.group, cell.namespace) for cell in CELLS]
    assert len(set(keys)) == len(keys)


def test_every_row_is_of_known_personas_and_most_cells_are_refusals() -> None:
    assert {initial for row in TABLE for initial in row.can} == set("PDAR")
    assert len(CELLS) > 3000
    assert sum(not cell.can for cell in CELLS) > len(CELLS) / 2


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.name)
def test_nobody_has_a_wildcard_or_a_right_that_leads_to_others(persona: Persona) -> None:
    said = {value for rule in persona.rules for value in (*rule.verbs, *rule.resources, rule.group)}
    assert not said & set(NEVER)
    assert not any("*" in value for value in said)


@pytest.mark.parametrize("value", sorted(NEVER))
def test_such_a_right_cannot_even_be_written_down(value: str) -> None:
    with pytest.raises(ValueError, match="in a persona's rule"):
        Rule((value,), READ)
    with pytest.raises(ValueError):
        Rule(("pods",), (value,))


@pytest.mark.parametrize("wrong", [((), READ), (("pods",), ()), (("pods",), ("read",)), (("pods",), ("Get",))])
def test_a_rule_that_would_match_nothing_is_refused(wrong: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="verbs are of"):
        Rule(*wrong)


def test_only_the_release_reads_secrets_and_only_where_it_releases() -> None:
    readers = {persona.name for persona in PERSONAS if any("secrets" in rule.resources for rule in persona.rules)}
    assert readers == {RELEASE_BOT.name}
    assert RELEASE_BOT.namespaces == ("shop", "edge")


def test_the_auditor_and_the_developer_change_next_to_nothing() -> None:
    assert {verb for rule in AUDITOR.rules for verb in rule.verbs} == set(READ)
    changed = {
        (resource, verb)
        for rule in SHOP_DEVELOPER.rules
        for resource in rule.resources
        for verb in set(rule.verbs) - set(READ)
    }
    scale = "deployments/scale"
    assert changed == {("deployments", "patch"), (scale, "update"), (scale, "patch")}


def test_a_program_cannot_come_as_a_person() -> None:
    assert RELEASE_BOT.ways == {Way.ACCOUNT}
    assert [subject["kind"] for subject in subjects(RELEASE_BOT)] == ["ServiceAccount"]
    assert {subject["name"] for subject in subjects(PLATFORM_ADMIN)} == {
        "blueprint:platform-admin",
        "oidc:blueprint:platform-admin",
        "platform-admin",
    }


def test_no_rule_is_glued_together() -> None:
    """The rules are literals, so that a reader sees every right: no loop or formatted string makes one."""
    tree = ast.parse(inspect.getsource(source))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.For, ast.JoinedStr, ast.ListComp))]


def test_a_cell_says_itself() -> None:
    cell = Cell(AUDITOR, "get", "secrets", "", "shop", False)
    assert str(cell) == "auditor cannot get secrets in shop"
    assert str(Cell(AUDITOR, "list", "jobs", "batch", "", True)) == "auditor can list jobs.batch"
