"""The whole stack configuration, typed. Unknown keys are refused; nothing else reads configuration.

The toolchain reads the same settings from the stack's file before Pulumi starts, so that bad input stops early.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

PROJECT = "blueprint"
ENVIRONMENT = {
    "BLUEPRINT_CLUSTER": "cluster",
    "BLUEPRINT_GATEWAY_PORT": "gatewayPort",
    "BLUEPRINT_REGISTRY_PORT": "registryPort",
}

Port = Annotated[int, Field(ge=1024, le=65535)]


class SettingsError(Exception):
    """Stack configuration that breaks a rule; the message names each value, its rule and the remedy."""


class Target(StrEnum):
    """Where the suite runs."""

    KIND = "kind"
    EXISTING = "existing"


class Settings(BaseModel):
    """One stack's configuration. Keys are camelCase in `Pulumi.<stack>.yaml`, below `blueprint:`."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    target: Target = Target.KIND
    cluster: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")] = "blueprint"
    workers: Annotated[int, Field(ge=1, le=8)] = 2
    gateway_port: Port = 8080
    registry_port: Port = 5001
    kubeconfig: str | None = None
    context: str | None = None
    registry: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?$")] | None = None

    @model_validator(mode="after")
    def _keys_fit_the_target(self) -> Self:
        if self.target is Target.EXISTING and not (self.kubeconfig and self.registry):
            raise ValueError("target `existing` needs `kubeconfig` and `registry`")
        if self.target is Target.KIND and (self.kubeconfig or self.context or self.registry):
            raise ValueError("target `kind` makes its own `kubeconfig`, `context` and `registry`; leave them out")
        if self.gateway_port == self.registry_port:
            raise ValueError("`gatewayPort` and `registryPort` are two ports")
        return self


def parse(values: Mapping[str, Any], environment: Mapping[str, str], stack: str) -> Settings:
    """The settings from a stack's own keys (without `blueprint:`); the environment's names win over the file.

    Raises:
        SettingsError: a key is unknown or a value breaks its rule.
    """
    given = dict(values) | {key: environment[name] for name, key in ENVIRONMENT.items() if environment.get(name)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_explain(error, stack)) from None


def from_file(root: Path, stack: str) -> Settings:
    """The settings of `Pulumi.<stack>.yaml` in the folder, with the environment's names on top.

    Raises:
        SettingsError: the file is missing or is no YAML, a key is unknown, or a value breaks its rule.
    """
    file = root / f"Pulumi.{stack}.yaml"
    try:
        content = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        known = ", ".join(sorted(found.name.split(".")[1] for found in root.glob("Pulumi.*.yaml")))
        raise SettingsError(f"stack {stack!r} has no {file.name}\n  remedy: use one of: {known}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file.name} is no YAML: {error}\n  remedy: correct the file") from None
    return parse(_own_keys(content, file.name), os.environ, stack)


def from_pulumi(config: Mapping[str, str], stack: str) -> Settings:
    """The settings from Pulumi's own configuration map (`project:key` → text), as the program receives it.

    Raises:
        SettingsError: a key is unknown or a value breaks its rule.
    """
    return parse({key: yaml.safe_load(text) for key, text in _project(config).items()}, os.environ, stack)


def _own_keys(content: object, name: str) -> dict[str, Any]:
    config = content.get("config") if isinstance(content, dict) else content
    if config is None:  # an empty file, or one without the key
        return {}
    if not isinstance(config, dict):
        raise SettingsError(f"{name}: `config` is {config!r}\n  rule:   a map of keys\n  remedy: correct the file")
    return _project(config)


def _project(config: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{PROJECT}:"
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}


def _explain(error: ValidationError, stack: str) -> str:
    lines = [f"the configuration of stack {stack!r} is not valid:"]
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(sorted(field.alias or name for name, field in Settings.model_fields.items()))
            lines.append(f"  {PROJECT}:{key}: unknown key; known are: {known}")
        elif key:
            lines.append(f"  {PROJECT}:{key} = {problem['input']!r}: {problem['msg']}")
        else:
            lines.append(f"  {problem['msg']}")
    return "\n".join([*lines, f"  remedy: correct Pulumi.{stack}.yaml (or {', '.join(ENVIRONMENT)}), run again"])
