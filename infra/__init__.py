"""The Pulumi program: what exists in the cluster, read top to bottom from `__main__.py`."""
