"""A headless Chromium of Debian's, which reaches nothing but this machine."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.cluster.conftest import cluster, kube, observability, outputs, shop
from toolchain import debian_packages
from toolchain.errors import ToolchainError

__all__ = ["cluster", "kube", "observability", "outputs", "shop"]

ARGUMENTS = [
    "--no-sandbox",  # Chromium refuses its own sandbox to root; the page is ours
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser; it is installed where that is allowed, else what needs it is skipped with that reason."""
    try:
        debian_packages.ensure({"chromium": "chromium"}, "the test of the web page")
    except ToolchainError as error:
        pytest.skip(f"needs chromium: {error.value}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield opened
        opened.close()
