"""The small helpers: dynamic providers whose code stays out of the state, and passwords."""

import base64
import pickletools
import sys
from types import ModuleType, SimpleNamespace

import pytest

from infra.lib import password
from infra.lib.forwarding import ForwardingProvider
from tests.program.recording import Recorded


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module that says what it was called with."""
    made = ModuleType("made_for_this_test")
    for function in ("create", "diff", "update", "read", "delete"):
        setattr(made, function, lambda *given, function=function: (function, *given))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return SimpleNamespace(provider=ForwardingProvider(made.__name__), module=made)


def test_each_call_is_forwarded_to_the_module(module: SimpleNamespace) -> None:
    provider = module.provider
    assert provider.create("props") == ("create", "props")
    assert provider.diff("id", "olds", "news") == ("diff", "id", "olds", "news")
    assert provider.update("id", "olds", "news") == ("update", "id", "olds", "news")
    assert provider.read("id", "props") == ("read", "id", "props")
    assert provider.delete("id", "props") is None


def test_the_module_is_looked_up_when_it_is_called(module: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of the module counts at once, though the provider was made (and pickled) before."""
    monkeypatch.setattr(module.module, "create", lambda _props: "edited")
    assert module.provider.create({}) == "edited"


def test_the_state_holds_names_and_no_code(kind_stack: Recorded) -> None:
    """So an edit of the code is no change of a resource."""
    modules = set()
    for one in kind_stack.of_type("pulumi-python:dynamic:Resource"):
        pickled = base64.b64decode(one.inputs["__provider"])
        *names, module = [text for _, text, _ in pickletools.genops(pickled) if isinstance(text, str)]
        assert names == ["infra.lib.forwarding", "ForwardingProvider", "module"]
        modules.add(module)
    assert modules >= {"infra.cluster.kind", "infra.image", "infra.lib.password", "infra.lib.authority"}


def test_passwords_are_long_and_each_is_another() -> None:
    drawn = [password.create({}) for _ in range(20)]
    values = {(made.outs or {})["value"] for made in drawn}
    assert len(values) == len({made.id for made in drawn}) == 20
    assert {len(value) for value in values} == {43}


def test_a_password_never_changes() -> None:
    assert password.diff("id", {"value": "old"}, {}).changes is False
    found = password.read("id", {"value": "old"})
    assert (found.id, found.outs) == ("id", {"value": "old"})
