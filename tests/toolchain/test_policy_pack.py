"""The real engine asks the pack, which our language host runs: a bad stack is refused, its mended twin is not."""

import re
from pathlib import Path

import pytest

from tests.cluster.bad_manifests import BAD, Bad, Stage, good
from tests.cluster.bad_manifests.bad import Object, container_of
from tests.engine import Declared, Project, project
from tests.engine_program import UNKNOWN
from tests.program.pack_manifests import POLICY_PACK, token
from toolchain import policy_pack

IMAGE = f"blueprint-registry:5000/toolbox@sha256:{'0' * 64}"
REFUSED = (*POLICY_PACK, *(bad for bad in BAD if bad.stage in (Stage.ADMISSION_POLICY, Stage.POD_SECURITY)))
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, "stringData": {"token": "abc"}}


@pytest.fixture
def small(tmp_path: Path) -> Project:
    return project(tmp_path)


def declared(name: str, manifest: Object, *secret_outputs: str) -> Declared:
    """The manifest as a resource of the program."""
    return Declared(name.replace(" ", "-"), token(manifest), manifest, secret_outputs)


def told(output: str) -> dict[str, str]:
    """What the engine's report says, by the resource's name."""
    report = output.partition("Policies:")[2].partition("Resources:")[0]
    pieces = re.split(r"- \[mandatory\]  admission  \(\S+ (\S+)\)\n", report)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_a_bad_stack_is_refused_in_preview_and_its_mended_twin_is_not(small: Project) -> None:
    """One program with every bad manifest: the preview fails, and says each rule and its remedy; mended, it passes."""
    bad = [declared(one.name, one.manifest(IMAGE)) for one in REFUSED]
    small.declare([*bad, declared("a secret in the clear", SECRET)])
    refused = small.operate("preview", *policy_pack.OPTIONS)
    assert refused.returncode != 0, refused.stdout
    found = told(refused.stdout)
    assert set(found) == {one.name for one in bad} | {"a-secret-in-the-clear"}
    for one in REFUSED:
        message = " ".join(found[one.name.replace(" ", "-")].split())
        assert all(words in message for words in _said(one)) and "Remedy: " in message, message

    mended = [declared(one.name, one.good(IMAGE)) for one in REFUSED]
    small.declare([*mended, declared("a secret", SECRET, "stringData"), declared("unknown", _unknown_image())])
    accepted = small.operate("preview", *policy_pack.OPTIONS)
    assert accepted.returncode == 0, accepted.stdout
    assert told(accepted.stdout) == {}


def _said(bad: Bad) -> tuple[str, ...]:
    """Pod Security has words of its own."""
    return () if bad.stage is Stage.POD_SECURITY else bad.says


def _unknown_image() -> Object:
    manifest = good.deployment(IMAGE)
    container_of(manifest)["image"] = UNKNOWN
    return manifest
