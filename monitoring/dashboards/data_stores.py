"""PostgreSQL and Valkey, by their exporters."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

DATABASE = ("datname",)

POSTGRES = Row(
    "PostgreSQL",
    (
        Panel("Answers", Unit.COUNT, "min(pg_up)", "1 while the exporter can log in and ask."),
        Panel(
            "Connections",
            Unit.COUNT,
            'sum by (datname) (pg_stat_database_numbackends{datname!=""})',
            "Each service has a pool for each pod; the server takes 100 in all.",
            DATABASE,
        ),
        Panel(
            "Transactions committed",
            Unit.EVENTS,
            'sum by (datname) (rate(pg_stat_database_xact_commit{datname!=""}[5m]))',
            "The work that was done, and who asked for it.",
            DATABASE,
        ),
        Panel(
            "Transactions rolled back",
            Unit.EVENTS,
            'sum by (datname) (rate(pg_stat_database_xact_rollback{datname!=""}[5m]))',
            "Refusals and conflicts: some are the shop's rules at work, a jump is a fault.",
            DATABASE,
        ),
        Panel(
            "Blocks found in memory",
            Unit.RATIO,
            'sum(rate(pg_stat_database_blks_hit{datname!=""}[5m]))'
            ' / (sum(rate(pg_stat_database_blks_hit{datname!=""}[5m]))'
            ' + sum(rate(pg_stat_database_blks_read{datname!=""}[5m])))',
            "Below 0.99 the working set does not fit the shared buffers.",
        ),
        Panel(
            "Size",
            Unit.BYTES,
            'max by (datname) (pg_database_size_bytes{datname!~"template.*"})',
            "Against the claim of 1 GiB that they share.",
            DATABASE,
        ),
    ),
)
VALKEY = Row(
    "Valkey",
    (
        Panel("Answers", Unit.COUNT, "min(redis_up)", "1 while the exporter can log in and ask."),
        Panel(
            "Memory",
            Unit.BYTES,
            "max(redis_memory_used_bytes)",
            "At 64 MiB the least recently used keys are thrown out, which is what a cache is for.",
        ),
        Panel(
            "Commands",
            Unit.EVENTS,
            "sum(rate(redis_commands_processed_total[5m]))",
            "What the catalog asks, with the scripts that keep its leases.",
        ),
        Panel(
            "Keys found",
            Unit.RATIO,
            "sum(rate(redis_keyspace_hits_total[5m]))"
            " / (sum(rate(redis_keyspace_hits_total[5m])) + sum(rate(redis_keyspace_misses_total[5m])) > 0)",
            "The share of look-ups that the cache answered.",
        ),
        Panel(
            "Clients",
            Unit.COUNT,
            "max(redis_connected_clients)",
            "One connection for each pod of the catalog, and the exporter's.",
        ),
    ),
)

DATA_STORES = Dashboard(
    name="data-stores",
    title="Data stores",
    why="Do the stores keep up, and does their room last?",
    rows=(POSTGRES, VALKEY),
)
