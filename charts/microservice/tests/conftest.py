"""Renders the chart with the helm program. No cluster is asked."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered import CHART, VALUES, Object, Render, RenderError

from tests import tools


@pytest.fixture(scope="session")
def helm() -> Path:
    return tools.helm()


@pytest.fixture
def render(helm: Path, tmp_path: Path) -> Render:
    def objects(service: str, /, _release: str = "", **changes: Any) -> list[Object]:
        """The objects of a release of `values/<service>.yaml` with `changes` to its top level. Raises RenderError."""
        given: Object = yaml.safe_load((VALUES / f"{service}.yaml").read_text())
        values = {key: value for key, value in (given | changes).items() if value is not ...}
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        command = [str(helm), "template", _release or service, str(CHART), "--namespace", "shop", "--values", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise RenderError(done.stderr)
        return [item for item in yaml.safe_load_all(done.stdout) if item]

    return objects
