"""The language host's tests: its answers in process, and real programs against an engine on the loopback."""
