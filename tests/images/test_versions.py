"""What a program says of itself, and the image of the online lane, are of the version that go.mod locks."""

import pytest

from images.catalog import load
from toolchain import go_modules
from toolchain.recipes import RECIPES

LOCKED = {
    "contour": "github.com/projectcontour/contour",
    "kube-state-metrics": "k8s.io/kube-state-metrics/v2",
    "nats-exporter": "github.com/nats-io/prometheus-nats-exporter",
    "metrics-adapter": "sigs.k8s.io/prometheus-adapter",
    "victoria-logs": "github.com/VictoriaMetrics/VictoriaLogs",
    "victoria-metrics": "github.com/VictoriaMetrics/VictoriaMetrics",
    "log-agent": "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver",
}
"""Programs, each with the module whose version is theirs."""


@pytest.mark.parametrize("program", LOCKED)
def test_a_program_says_the_version_that_is_locked(program: str) -> None:
    recipe = RECIPES[program]
    locked = go_modules.version(LOCKED[program], recipe.module)
    assert [value for _, value in recipe.variables if not value.endswith(locked)] == []


@pytest.mark.parametrize("image", [name for name in LOCKED if load()[name].upstream])
def test_the_online_lane_s_image_is_of_the_version_that_is_built(image: str) -> None:
    locked = go_modules.version(LOCKED[image], RECIPES[image].module)
    tag = str(load()[image].upstream).rpartition(":")[2]
    assert tag.removeprefix("v") == locked.removeprefix("v")
