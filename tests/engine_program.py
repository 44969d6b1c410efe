"""The Pulumi program that `tests.engine` runs: it declares the objects of `objects.json`, and nothing else."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes import Provider

UNKNOWN = "(known after it is made)"
"""Stands in `objects.json` for what a preview cannot know."""


def unknown() -> pulumi.Output[Any]:
    """An output as of a resource that is not made yet."""
    loop = asyncio.get_event_loop()

    def settled(value: Any) -> "asyncio.Future[Any]":
        future = loop.create_future()
        future.set_result(value)
        return future

    return pulumi.Output(set(), settled(None), settled(False), settled(False))


def inputs(value: Any) -> Any:
    """The value with outputs in it where it is not known."""
    if isinstance(value, dict):
        return {key: inputs(part) for key, part in value.items()}
    if isinstance(value, list):
        return [inputs(part) for part in value]
    return unknown() if value == UNKNOWN else value


def main() -> None:
    """Declares every object by its type token; the cluster is the caller's, or one that is not made yet."""
    provider = Provider("cluster", kubeconfig=os.environ.get("TEST_KUBECONFIG") or unknown())
    for one in json.loads(Path("objects.json").read_text()):
        options = pulumi.ResourceOptions(provider=provider, additional_secret_outputs=one["secret_outputs"])
        pulumi.CustomResource(one["type"], one["name"], inputs(one["props"]), options)


if __name__ == "__main__":
    main()
