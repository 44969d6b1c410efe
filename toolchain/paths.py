"""Where the toolchain keeps things. Caches are the user's and shared by checkouts; state is the checkout's own."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cache() -> Path:
    """The blueprint's cache folder, made when missing: `$XDG_CACHE_HOME/blueprint`, or `~/.cache/blueprint`.

    Source of the rule: the XDG Base Directory Specification 0.8 (a relative value is to be ignored).
    """
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (home if home.is_absolute() else Path.home() / ".cache") / "blueprint"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def state() -> Path:
    """The checkout's state folder `.blueprint/`, readable by its owner alone, made when missing."""
    folder = ROOT / ".blueprint"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
