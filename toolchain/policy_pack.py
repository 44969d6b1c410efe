"""The policy pack as the engine is told of it: what admission would refuse is refused before it is deployed."""

from toolchain import paths

FOLDER = paths.ROOT / "policies" / "pack"
OPTIONS = ("--policy-pack", str(FOLDER))
"""What is added to `pulumi preview` and `pulumi up`."""
