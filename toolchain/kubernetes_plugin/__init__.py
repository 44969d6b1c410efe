"""A stand-in for Pulumi's `pulumi-resource-kubernetes`, for hosts where that cannot be downloaded.

Owns `kubernetes:<group/version>:<Kind>` and `kubernetes:helm.sh/v3:Release`; README.md says what they support.
"""

import os
import shlex
from pathlib import Path

VERSION = "4.34.2"
EXECUTABLE = "pulumi-resource-kubernetes"


def install(bin_dir: Path, python: Path) -> Path:
    """Writes the launcher that the engine finds on PATH.

    Args:
        bin_dir: a folder that is, or will be, on PATH; made when missing.
        python: an interpreter that has this package, `pulumi` and `httpx`.

    Returns:
        The launcher's path. It is replaced as a whole, so a running engine never sees half of it.
    """
    root = Path(__file__).resolve().parent.parent.parent
    bin_dir.mkdir(parents=True, exist_ok=True)
    launcher, fresh = bin_dir / EXECUTABLE, bin_dir / f".{EXECUTABLE}.{os.getpid()}"  # several processes may install
    fresh.write_text(
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(str(root))}${{PYTHONPATH:+:$PYTHONPATH}} GRPC_VERBOSITY=ERROR \\\n"
        f'  exec {shlex.quote(str(python))} -m toolchain.kubernetes_plugin "$@"\n'
    )
    fresh.chmod(0o755)
    fresh.replace(launcher)
    return launcher
