"""What the log agent, an OpenTelemetry collector on each node, reads, makes of it, and sends to VictoriaLogs.

No line is lost by a restart: how far each file was read lies on the node's disk, what is read goes into a queue on
that disk, and it is noted as read only after it is there, which needs the feature gate `SYNCHRONOUS`. What a killed
agent had not noted as read or sent comes again with the same time, pod and text; `toolchain.logs` shows it once.
"""

from typing import Any

Object = dict[str, Any]

STATE = "/var/lib/log-agent"
PODS = "/var/log/pods"
AUDIT = "/var/log/kubernetes/audit"
STORE = "http://victoria-logs.observability:9428/insert/opentelemetry"
HEALTH = 13133
TELEMETRY = 8888
MEMORY_MIB = 96
"""Above this the agent reads no further until it has sent."""
QUEUE_MIB = 16
STATE_MIB = 64
"""What the queue and the offsets may take on a node's disk. When it is full the files wait where they are."""
LINE_KIB = 64
SYNCHRONOUS = "stanza.synchronousLogEmitter"
"""Else a batch of lines waits in memory while its offset is already noted: a SIGKILL loses it."""

LABELS = ("namespace", "service", "node")
"""What makes a stream. The store keeps an index of streams, so none of these may come from what a program writes."""
METADATA = ("pod", "level", "request_id")
"""Kept beside each line and searchable: a value of its own for each line makes no stream."""
AUDIT_METADATA = ("user", "verb", "code")
AUDIT_SERVICE = "audit"
REQUEST_ID = "[A-Za-z0-9._:-]{1,128}"
"""The rule of services/kit/blueprint_kit/requests.py. What breaks it is no request's id, whoever wrote it."""

_UNUSED = ("severity_number", "severity_text", "scope.name", "scope.version")
"""What the protocol adds to each line and nobody asks for."""
_MIB = 1024 * 1024
_JSON = "attributes.json"


def configuration() -> Object:
    """The collector's file.

    Source: https://opentelemetry.io/docs/collector/configuration/
    """
    return {
        "extensions": {"file_storage": _storage(), "health_check": {"endpoint": f"0.0.0.0:{HEALTH}"}},
        "receivers": {"file_log/pods": _pods(), "file_log/audit": _audit()},
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_mib": MEMORY_MIB, "spike_limit_mib": MEMORY_MIB // 4}
        },
        "exporters": {"otlp_http": _exporter()},
        "service": {
            "extensions": ["file_storage", "health_check"],
            "pipelines": {
                "logs": {
                    "receivers": ["file_log/pods", "file_log/audit"],
                    "processors": ["memory_limiter"],
                    "exporters": ["otlp_http"],
                }
            },
            "telemetry": {
                "logs": {"level": "warn", "encoding": "json"},
                "metrics": {
                    "level": "normal",
                    "readers": [{"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": TELEMETRY}}}}],  # noqa: S104
                },
            },
        },
    }


def _storage() -> Object:
    """Offsets and the queue. A file that a power cut broke is put aside, and the logs are read from their beginning."""
    return {
        "directory": STATE,
        "timeout": "10s",  # until the agent before this one has let go of the files
        "max_size": STATE_MIB * _MIB,
        "recreate": True,
        "compaction": {"on_start": True, "directory": STATE, "cleanup_on_start": True},
    }


def _exporter() -> Object:
    """Sends in batches, again and again until they are taken: while the store is away the queue fills, and then the
    files wait.

    Source of the headers: https://docs.victoriametrics.com/victorialogs/data-ingestion/#http-headers
    """
    return {
        "endpoint": STORE,
        "headers": {"VL-Stream-Fields": ",".join(LABELS), "VL-Ignore-Fields": ",".join(_UNUSED)},
        "timeout": "10s",
        "retry_on_failure": {"initial_interval": "500ms", "max_interval": "10s", "max_elapsed_time": 0},
        "sending_queue": {
            "storage": "file_storage",
            "sizer": "bytes",
            "queue_size": QUEUE_MIB * _MIB,
            "block_on_overflow": True,
            "num_consumers": 1,
            "batch": {"flush_timeout": "500ms", "min_size": _MIB // 16, "max_size": _MIB // 4},
        },
    }


def _tailed(include: list[str], resource: Object, operators: list[Object]) -> Object:
    """Files that are read from their beginning, or from where the agent before this one stopped."""
    return {
        "include": include,
        "start_at": "beginning",
        "include_file_path": True,
        "include_file_name": False,
        "max_log_size": f"{LINE_KIB}KiB",
        "poll_interval": "500ms",
        "storage": "file_storage",
        "retry_on_failure": {"enabled": True, "max_elapsed_time": 0},
        "resource": resource | {"node": "${env:NODE}"},
        "operators": operators,
    }


def _pods() -> Object:
    """Every container's log, and the one that was just rotated: its end may not have been read. Older ones are .gz.

    The path says whose it is: `<namespace>_<pod>_<uid>/<container>/<restarts>.log`. A container has its service's
    name in every workload of ours, so `service` is the container's name. The line's time is the container runtime's.
    """
    moved = {
        'resource["k8s.namespace.name"]': "resource.namespace",
        'resource["k8s.container.name"]': "resource.service",
        'resource["k8s.pod.name"]': "attributes.pod",
    }
    operators: list[Object] = [
        {"type": "container", "id": "cri", "format": "containerd", "max_log_size": f"{LINE_KIB}KiB"},
        *(_moved(source, target, f"{source} != nil") for source, target in moved.items()),
        *(
            {"type": "remove", "id": f"without_{name}", "field": field, "if": f"{field} != nil"}
            for name, field in {
                "uid": 'resource["k8s.pod.uid"]',
                "restarts": 'resource["k8s.container.restart_count"]',
            }.items()
        ),
        _json_parser({"if": 'body startsWith "{"'}),
        _moved(f"{_JSON}.level", "attributes.level", _is_text("level", "[A-Za-z]{1,10}")),
        _moved(f"{_JSON}.request_id", "attributes.request_id", _is_text("request_id", REQUEST_ID)),
        _retained(METADATA),
    ]
    return _tailed([f"{PODS}/*/*/*.log", f"{PODS}/*/*/*.log.????????-??????"], {}, operators)


def _audit() -> Object:
    """The API server's audit log: every change, and whatever was refused. Reads that were allowed stay on the node.

    They are most of it, and the store's disk is bounded.
    """
    time = {
        "parse_from": f"{_JSON}.stageTimestamp",
        "layout_type": "gotime",
        "layout": "2006-01-02T15:04:05.999999Z07:00",
    }
    allowed_read = f'{_JSON}?.verb in ["get", "list", "watch"] and ({_JSON}?.responseStatus?.code ?? 0) < 400'
    operators: list[Object] = [
        _json_parser({"timestamp": time}),
        {"type": "filter", "id": "allowed_reads", "expr": allowed_read},
        _moved(f"{_JSON}.user.username", "attributes.user", f"{_JSON}?.user?.username != nil"),
        _moved(f"{_JSON}.verb", "attributes.verb", f"{_JSON}?.verb != nil"),
        _moved(f"{_JSON}.responseStatus.code", "attributes.code", f"{_JSON}?.responseStatus?.code != nil"),
        _retained(AUDIT_METADATA),
    ]
    labels = {"namespace": "kube-system", "service": AUDIT_SERVICE}
    return _tailed([f"{AUDIT}/audit*.log"], labels, operators)


def _json_parser(more: Object) -> Object:
    """What is JSON is parsed beside the line, which stays as it was written; what is not, stays as it is."""
    return {"type": "json_parser", "id": "json", "parse_to": _JSON, "on_error": "send_quiet"} | more


def _is_text(key: str, rule: str) -> str:
    found = f"{_JSON}?.{key}"
    return f'type({found}) == "string" and {found} matches "^{rule}$"'


def _moved(source: str, target: str, condition: str) -> Object:
    return {"type": "move", "id": target.replace(".", "_"), "from": source, "to": target, "if": condition}


def _retained(names: tuple[str, ...]) -> Object:
    """Of the attributes only these; the rest of the JSON is in the line itself."""
    return {"type": "retain", "id": "kept", "fields": [f"attributes.{name}" for name in names]}
