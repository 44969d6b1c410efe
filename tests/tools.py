"""The programs with which charts and policies are tried. What takes minutes to build is not built for a test."""

import shutil
from pathlib import Path

import pytest

from toolchain import programs


def helm() -> Path:
    """The helm program, or the test is skipped."""
    found = programs.at_hand("helm")
    if found is None:
        pytest.skip("needs helm, which takes minutes to build: `make programs`; `make test` has it")
    return found


def pulumi() -> Path:
    """The Pulumi CLI, or the test is skipped."""
    found = programs.at_hand("pulumi")
    if found is None:
        pytest.skip("needs pulumi, which takes minutes to build: `make programs`; `make test` has it")
    return found


def kubeconform() -> Path:
    """The kubeconform program, built in seconds where there is Go; else the test is skipped."""
    if programs.at_hand("kubeconform") is None and shutil.which("go") is None:
        pytest.skip("needs kubeconform, or Go to build it")
    return programs.ensure("kubeconform")
