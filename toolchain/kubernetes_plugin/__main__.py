"""The plugin's process: `python -m toolchain.kubernetes_plugin [address of the engine]`."""

import sys

from toolchain.kubernetes_plugin.server import serve


def main() -> None:
    """Serves the engine whose address is the first argument that is no option."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    serve(addresses[0] if addresses else "")


if __name__ == "__main__":
    main()
