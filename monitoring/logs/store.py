"""How VictoriaLogs keeps the logs: one program, files of its own, a day, and bounds for whatever is sent to it."""

DATA = "/var/lib/victoria-logs"
PORT = 9428
KEPT_HOURS = 24
"""The least that it takes. It keeps a folder for each day, so up to two days lie on the disk."""
LARGEST_GIB = 2
"""Above this the oldest day goes early; today and yesterday stay."""
LEAST_FREE_GIB = 2
"""With less left on the disk it takes nothing more (429, and the agents wait), so that it never fills a node."""
MEMORY_MIB = 64
"""For its caches; a query that needs more of it is refused."""
FLUSH_SECONDS = 1
"""What it took in lies in memory for so long: a SIGKILL of the store loses as much. It has no log of writes."""


def arguments() -> list[str]:
    """VictoriaLogs' command line.

    Source: https://docs.victoriametrics.com/victorialogs/#list-of-command-line-flags
    """
    flags: dict[str, object] = {
        "httpListenAddr": f":{PORT}",
        "storageDataPath": DATA,
        "retentionPeriod": f"{KEPT_HOURS}h",
        "retention.maxDiskSpaceUsageBytes": f"{LARGEST_GIB}GiB",
        "storage.minFreeDiskSpaceBytes": f"{LEAST_FREE_GIB}GiB",
        "inmemoryDataFlushInterval": f"{FLUSH_SECONDS}s",
        "memory.allowedBytes": f"{MEMORY_MIB}MiB",
        "insert.maxFieldsPerLine": 32,
        "maxConcurrentInserts": 4,
        "search.maxConcurrentRequests": 4,
        "search.maxQueryDuration": "30s",
        "loggerFormat": "json",
        "loggerLevel": "WARN",
    }
    return [f"-{name}={value}" for name, value in flags.items()]
