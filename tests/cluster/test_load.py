"""Realistic traffic from inside the cluster, as `kubectl create job --from=cronjob/loadgen` makes it."""

import json

import pytest

from tests.cluster.kube import Kube
from tests.cluster.shop import job_from

RUN_SECONDS = 240


@pytest.mark.serial
@pytest.mark.concept("A1")
def test_a_minute_of_traffic_has_no_unexpected_answer(kube: Kube) -> None:
    """Twenty shoppers browse and order for a minute: every answer is expected, every order comes to its end."""
    lines = [json.loads(line) for line in job_from(kube, "lab", "loadgen", RUN_SECONDS).splitlines() if line[:1] == "{"]
    (ended,) = [line for line in lines if line["event"] == "run ended"]
    assert ended["ok"] is True, ended
    orders = ended["orders"]
    assert orders["accepted"] == sum(count for state, count in orders.items() if state != "accepted") > 0
