"""What the chart makes of the values that the program gives it is valid by Kubernetes' own description of its API."""

import subprocess

import pytest
import yaml

from tests import tools
from tests.program.recording import Recorded
from tests.program.test_shop import RELEASE, SERVICES
from toolchain import manifests


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_object_of_every_service_is_valid(stack: Recorded, service: str) -> None:
    helm = tools.helm()
    tools.kubeconform()
    release = stack.one(RELEASE, service).inputs
    command = [str(helm), "template", service, release["chart"], "--namespace", release["namespace"], "--values", "-"]
    rendered = subprocess.run(
        command, input=yaml.safe_dump(release["values"]), capture_output=True, text=True, timeout=30, check=False
    )
    assert rendered.returncode == 0, rendered.stderr
    kinds = {item["kind"] for item in yaml.safe_load_all(rendered.stdout) if item}
    assert kinds >= {"ConfigMap", "ServiceAccount", "CronJob" if release["skipAwait"] else "Deployment"}
    assert manifests.problems(rendered.stdout) == []
