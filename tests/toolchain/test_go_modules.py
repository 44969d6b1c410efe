"""Which version of a Go module is locked."""

import pytest

from toolchain import go_modules
from toolchain.errors import ToolchainError
from toolchain.recipes import KUBERNETES_VERSION


def test_a_module_s_version_is_the_one_that_go_mod_locks() -> None:
    text = "module x\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/a/b/v2 v2.0.0 // indirect\n)\n"
    assert go_modules.parse_version(text, "github.com/a/b") == "v1.2.3"
    assert go_modules.parse_version(text, "github.com/a/b/v2") == "v2.0.0"
    with pytest.raises(ToolchainError, match=r"go\.mod"):
        go_modules.parse_version(text, "github.com/a")


def test_kubernetes_is_the_version_that_the_recipes_name() -> None:
    assert go_modules.version("k8s.io/kubernetes") == KUBERNETES_VERSION
