"""What the chart refuses, and the words it does it with."""

from typing import Any

import pytest
from rendered import Render, RenderError

DIGEST = "sha256:" + "a" * 64
SECRET = {"name": "one", "path": "/run/one"}

BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no image": ({"image": ...}, ("/image", "does not match pattern")),
    "image by tag": ({"image": "registry/catalog:1.0"}, ("/image", "does not match pattern")),
    "short digest": ({"image": "registry/catalog@sha256:abc"}, ("/image", "does not match pattern")),
    "no version": ({"version": ...}, ("/version", "does not match pattern")),
    "unknown value": ({"replica": 2}, ("additional properties 'replica' not allowed",)),
    "unknown value inside": ({"migration": {"enable": True}}, ("/migration", "additional properties 'enable'")),
    "replicas as text": ({"replicas": "2"}, ("/replicas", "got string, want integer")),
    "no replicas": ({"replicas": 0}, ("/replicas", "minimum: got 0, want 1")),
    "number in the environment": ({"env": {"PORT": 1}}, ("/env/PORT", "got number, want string")),
    "setting in small letters": ({"env": {"port": "1"}}, ("invalid propertyName 'port'", "does not match pattern")),
    "secret as a setting": (
        {"env": {"POSTGRES_PASSWORD": "x"}},
        ("env.POSTGRES_PASSWORD: a secret must not", "mount it with `secrets`"),
    ),
    "setting that the chart owns": (
        {"env": {"SERVICE_NAME": "x"}},
        ("env.SERVICE_NAME: the chart sets it", "use the chart's own values"),
    ),
    "file with a folder": ({"files": {"a/b": ""}}, ("invalid propertyName 'a/b'", "does not match pattern")),
    "secret without a path": ({"secrets": [{"name": "one"}]}, ("/secrets/0", "missing property 'path'")),
    "secret at a relative path": ({"secrets": [SECRET | {"path": "one"}]}, ("/secrets/0/path", "does not match")),
    "secret twice": ({"secrets": [SECRET, SECRET]}, ("one and one share their name or path", "give each Secret once")),
    "path twice": ({"secrets": [SECRET, SECRET | {"name": "two"}]}, ("one and two share their name or path",)),
    "node port out of range": ({"nodePort": 8080}, ("/nodePort", "minimum: got 8,080, want 30,000")),
    "part of an autoscaling": ({"autoscaling": {"minReplicas": 2}}, ("/autoscaling", "maxReplicas")),
    "autoscaling upside down": (
        {"autoscaling": {"minReplicas": 4, "maxReplicas": 2, "cpuPercent": 70}},
        ("autoscaling.minReplicas=4: must not be more than autoscaling.maxReplicas=2", "raise the one or lower"),
    ),
    "scaling by requests alone": (
        {"autoscaling": {"requestsPerSecond": 20}},
        ("/autoscaling", "minReplicas", "cpuPercent"),
    ),
    "scaling by no request at all": (
        {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70, "requestsPerSecond": 0}},
        ("/autoscaling/requestsPerSecond", "minimum: got 0, want 1"),
    ),
    "scaling down never": (
        {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70, "scaleDownSeconds": 3601}},
        ("/autoscaling/scaleDownSeconds", "maximum: got 3,601, want 3,600"),
    ),
    "schedule in words": ({"schedule": "every day"}, ("/schedule", "does not match pattern")),
    "schedule of six fields": ({"schedule": "0 0 * * * *"}, ("/schedule", "does not match pattern")),
    "schedule that scales": (
        {"schedule": "0 * * * *", "autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70}},
        ("autoscaling: a CronJob's pods end", "leave out `autoscaling` or `schedule`"),
    ),
    "schedule with a way in": (
        {"schedule": "0 * * * *", "nodePort": 30080},
        ("nodePort, loadBalancer: a CronJob has no Service", "leave out `schedule`"),
    ),
    "schedule with a load balancer": (
        {"schedule": "0 * * * *", "loadBalancer": {"enabled": True}},
        ("nodePort, loadBalancer: a CronJob has no Service", "leave these out"),
    ),
    "schedule with probes by gRPC": (
        {"schedule": "0 * * * *", "probes": {"protocol": "grpc"}},
        ('probes.protocol="grpc": nobody asks a CronJob\'s pods', "leave it out"),
    ),
    "suspended without a schedule": ({"suspend": True}, ("suspend=true: only a CronJob", "set `schedule` too")),
    "job without end": ({"jobDeadlineSeconds": 86401}, ("/jobDeadlineSeconds", "want 86,400")),
    "job that is tried for ever": ({"jobBackoffLimit": 11}, ("/jobBackoffLimit", "want 10")),
    "argument of a setting that is not there": (
        {"args": ["--days", "$(DAYS)"]},
        ("args: $(DAYS) is no setting", "add it to `env`, or write $$(DAYS)"),
    ),
    "watched file with a folder": ({"watchedFiles": {"a/b": ""}}, ("invalid propertyName 'a/b'",)),
    "claim without a size": ({"claim": {"path": "/data"}}, ("/claim", "size")),
    "claim without a path": ({"claim": {"size": "1Gi"}}, ("/claim", "path")),
    "claim that is no quantity": ({"claim": {"size": "big", "path": "/data"}}, ("/claim/size", "does not match")),
    "claim at a relative path": ({"claim": {"size": "1Gi", "path": "data"}}, ("/claim/path", "does not match")),
    "claim where something else is": (
        {"claim": {"size": "1Gi", "path": "/tmp/"}},  # noqa: S108 - the pod's own
        ('claim.path="/tmp/": something else is mounted there', "choose another folder"),
    ),
    "claim where a secret is": (
        {"secrets": [SECRET], "claim": {"size": "1Gi", "path": "/run/one"}},
        ('claim.path="/run/one": something else is mounted there',),
    ),
    "probes by an unknown protocol": ({"probes": {"protocol": "tcp"}}, ("/probes/protocol", "'http', 'grpc'")),
    "probes at a port that is taken": (
        {"probes": {"protocol": "grpc", "grpcPort": 8080}},
        ("probes.grpcPort=8080: is the port of `http` or `metrics`", "choose another"),
    ),
    "probes at a port of root": ({"probes": {"grpcPort": 900}}, ("/probes/grpcPort", "want 1,024")),
    "no memory limit": (
        {"resources": {"limits": {"memory": None}}},
        ("/resources/limits", "missing property 'memory'"),
    ),
    "memory that is no quantity": (
        {"resources": {"limits": {"memory": "much"}}},
        ("/resources/limits/memory", "match"),
    ),
    "no time before SIGTERM": ({"shutdown": {"preStopSeconds": 0}}, ("/shutdown/preStopSeconds", "want 1")),
    "migration without end": ({"migration": {"activeDeadlineSeconds": 99999}}, ("/migration/activeDeadlineSeconds",)),
    "spread that does not exist": (
        {"topologySpread": {"whenUnsatisfiable": "Maybe"}},
        ("/topologySpread", "ScheduleAnyway"),
    ),
    "component of the migration": ({"component": "migration"}, ("/component", "not")),
    "name with a dot": ({"name": "cata.log"}, ("/name", "does not match pattern")),
    "name that is too long": ({"name": "a" * 51}, ("/name", "does not match pattern")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_value_is_refused_with_its_place_and_rule(render: Render, case: str) -> None:
    changes, words = BAD[case]
    with pytest.raises(RenderError) as refused:
        render("catalog", **changes)
    for word in words:
        assert word in str(refused.value)


def test_release_name_that_is_no_service_name_is_refused(render: Render) -> None:
    with pytest.raises(RenderError, match="must be a DNS label of at most 50 characters; set the value `name`"):
        render("catalog", "a" * 52)


def test_everything_bad_is_said_at_once(render: Render) -> None:
    with pytest.raises(RenderError) as refused:
        render("catalog", replicas=0, nodePort=1)
    assert "/replicas" in str(refused.value)
    assert "/nodePort" in str(refused.value)
