"""Dynamic providers whose code stays out of the state.

Pulumi pickles a dynamic provider into the state. Of the class below only two names are pickled: its own and that of the
module that does the work, which it imports when it is called. So no edit of either shows as a change of a resource.
"""

import importlib
from typing import Any

from pulumi import dynamic


class ForwardingProvider(dynamic.ResourceProvider):
    """Calls `create`, `diff`, `update`, `read` and `delete` of the named module."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def _call(self, function: str, *arguments: Any) -> Any:
        return getattr(importlib.import_module(self.module), function)(*arguments)

    def create(self, props: Any) -> Any:
        """Makes the resource."""
        return self._call("create", props)

    def diff(self, id_: str, olds: Any, news: Any) -> Any:
        """Compares what is with what shall be."""
        return self._call("diff", id_, olds, news)

    def update(self, id_: str, olds: Any, news: Any) -> Any:
        """Changes the resource in place."""
        return self._call("update", id_, olds, news)

    def read(self, id_: str, props: Any) -> Any:
        """Reads the resource as it is."""
        return self._call("read", id_, props)

    def delete(self, id_: str, props: Any) -> None:
        """Removes the resource."""
        self._call("delete", id_, props)
