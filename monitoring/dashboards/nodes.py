"""Nodes by USE (utilisation, saturation, errors), by the recording rules that alerts look at too.

USE is by Brendan Gregg: https://www.brendangregg.com/usemethod.html
"""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

NODE = ("node",)

PROCESSOR = Row(
    "Processor",
    (
        Panel(
            "Utilisation",
            Unit.RATIO,
            "node:cpu:used_ratio5m",
            "The share of time that the cores work. kind's nodes share the host's cores, so their lines meet.",
            NODE,
        ),
        Panel(
            "Saturation: load for each core",
            Unit.COUNT,
            "node:cpu:load1_per_core",
            "Above 1 work waits for a core.",
            NODE,
        ),
    ),
)
MEMORY = Row(
    "Memory",
    (
        Panel(
            "Utilisation",
            Unit.RATIO,
            "node:memory:used_ratio",
            "What could not be had without swapping or killing.",
            NODE,
        ),
        Panel(
            "Saturation: pages that had to be read again",
            Unit.EVENTS,
            "node:memory:major_faults_rate5m",
            "Memory is so short that programs' own pages are fetched from disk.",
            NODE,
        ),
    ),
)
DISK = Row(
    "Disk",
    (
        Panel(
            "Utilisation: what is free of the fullest file system",
            Unit.RATIO,
            "min by (node) (node:filesystem:free_ratio)",
            "At 0.15 the kubelet begins to evict pods; DiskFilling says so before.",
            NODE,
        ),
        Panel(
            "Saturation: time with work under way",
            Unit.RATIO,
            "max by (node) (node:disk:busy_ratio5m)",
            "1 is a disk that is never idle.",
            NODE,
        ),
    ),
)
REST = Row(
    "Network and kubelet",
    (
        Panel(
            "Received",
            Unit.BYTES_RATE,
            'sum by (node) (rate(node_network_receive_bytes_total{job="node",device!="lo"}[5m]))',
            "What comes in to the node and to the pods on it.",
            NODE,
        ),
        Panel(
            "Errors",
            Unit.EVENTS,
            "node:network:errors_rate5m",
            "Packets that came or went broken: 0, or a cable and a driver to look at.",
            NODE,
        ),
        Panel(
            "Pods that the kubelet runs",
            Unit.COUNT,
            'sum by (node) (kubelet_running_pods{job="kubelet"})',
            "A node takes 110 of them.",
            NODE,
        ),
    ),
)

NODES = Dashboard(
    name="nodes",
    title="Nodes",
    why="Which node is full, and of what?",
    rows=(PROCESSOR, MEMORY, DISK, REST),
)
