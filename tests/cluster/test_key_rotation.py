"""The run book of the encryption's keys, command by command, on the live cluster."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kube import Kube
from toolchain import paths
from toolchain.control_plane import encryption, keys

pytestmark = pytest.mark.serial

BOOK = Path("docs/runbooks/key-rotation.md")
COMMAND_SECONDS = 300


def _commands() -> list[str]:
    """The book's commands, in their order."""
    return [block.strip() for block in re.findall(r"^```sh\n(.*?)^```$", (paths.ROOT / BOOK).read_text(), re.M | re.S)]


def _follow(commands: Iterator[str], last_word: str) -> str:
    """Runs the book's next command as a reader of the book would, and gives what it prints."""
    command = next(commands)
    assert command.split()[-1] == last_word, command
    done = _run(command)
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def _run(command: str) -> subprocess.CompletedProcess[str]:
    shell = ["sh", "-c", f"{command} 2>&1"]
    return subprocess.run(shell, cwd=paths.ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)


@pytest.mark.concept("F10")
def test_the_run_book_rotates_the_key(kube: Kube, cluster: str, namespace: str) -> None:
    """A new key, every Secret rewritten, the old key dropped: etcd has the new key's ciphertext; nothing is lost."""
    book = iter(_commands())
    _create(kube, namespace, "before")
    old = _key(cluster, namespace, "before")
    assert _follow(book, "show").split()[0] == old

    _follow(book, "add")
    _create(kube, namespace, "after")
    new = _key(cluster, namespace, "after")
    assert new != old
    assert _key(cluster, namespace, "before") == old and _text(kube, namespace, "before") == "text of before"
    early = _run(".venv/bin/blueprint encryption-key drop")
    assert early.returncode == 1 and f"Secrets are encrypted with {old}" in early.stdout

    _follow(book, "rewrite")
    values = keys.stored(cluster, keys.SECRETS)
    assert values and {encryption.key_of(value) for value in values.values()} == {new}
    assert all(value.startswith(f"k8s:enc:secretbox:v1:{new}:".encode()) for value in values.values())

    assert old in _follow(book, "drop")
    assert _follow(book, "show").split()[0] == new
    assert list(keys.show(cluster)) == [new]
    assert [_text(kube, namespace, name) for name in ("before", "after")] == ["text of before", "text of after"]
    assert next(book, None) is None


def _create(kube: Kube, namespace: str, name: str) -> None:
    kube.run("create", "secret", "generic", name, f"--from-literal=text=text of {name}", "--namespace", namespace)


def _text(kube: Kube, namespace: str, name: str) -> str:
    template = "{{.data.text | base64decode}}"
    return kube.run("get", "secret", name, "--namespace", namespace, "--output", f"go-template={template}")


def _key(cluster: str, namespace: str, name: str) -> str:
    """The key that encrypted a Secret, by etcd's word."""
    (value,) = keys.stored(cluster, f"{keys.SECRETS}{namespace}/{name}").values()
    return encryption.key_of(value)
