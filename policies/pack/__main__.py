"""Serves the pack to the engine: each rule is a mandatory policy of its own."""

from policies.pack.serve import serve

serve()
