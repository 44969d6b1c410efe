"""Messages on their way: the broker by its exporter, and both ends by the services' own counters."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

BROKER = Row(
    "NATS",
    (
        Panel(
            "Messages in",
            Unit.EVENTS,
            "sum(rate(gnatsd_varz_in_msgs[5m]))",
            "All that clients send, requests of JetStream included.",
        ),
        Panel(
            "Connections",
            Unit.COUNT,
            "max(gnatsd_varz_connections)",
            "One for each pod that publishes or consumes.",
        ),
        Panel(
            "Slow consumers",
            Unit.COUNT,
            "max(gnatsd_varz_slow_consumers)",
            "Clients that the broker cut off because they did not read fast enough.",
        ),
        Panel(
            "Bytes kept in each stream",
            Unit.BYTES,
            "max by (stream_name) (jetstream_stream_total_bytes)",
            "A stream at its limit throws out its oldest messages, read or not.",
            ("stream_name",),
        ),
    ),
)
LAG = Row(
    "Consumers",
    (
        Panel(
            "Messages not yet delivered",
            Unit.COUNT,
            "max by (consumer_name) (jetstream_consumer_num_pending)",
            "The lag. It may grow under load and must come back to 0; the alert BrokerLag looks at it.",
            ("consumer_name",),
        ),
        Panel(
            "Delivered, not yet acknowledged",
            Unit.COUNT,
            "max by (consumer_name) (jetstream_consumer_num_ack_pending)",
            "Work in hand. At 256 the broker gives no more.",
            ("consumer_name",),
        ),
        Panel(
            "Delivered again",
            Unit.COUNT,
            "max by (consumer_name) (jetstream_consumer_num_redelivered)",
            "Messages of which the broker was not told that they were handled.",
            ("consumer_name",),
        ),
        Panel(
            "What consumers did",
            Unit.EVENTS,
            "sum by (consumer, outcome) (rate(messages_consumed_total[5m]))",
            "Handled is good, postponed waits for somebody, dead is kept in DEAD_LETTERS for a person.",
            ("consumer", "outcome"),
        ),
        Panel(
            "Time to handle a message, p95",
            Unit.SECONDS,
            "histogram_quantile(0.95, sum by (consumer, le) (rate(messages_handling_seconds_bucket[5m]))) >= 0",
            "The saga's step through its three partners.",
            ("consumer",),
        ),
    ),
)
PUBLISHERS = Row(
    "Publishers",
    (
        Panel(
            "Events published",
            Unit.EVENTS,
            "sum by (type, outcome) (rate(messages_published_total[5m]))",
            "Stored is new, duplicate was there already, unavailable will be tried again.",
            ("type", "outcome"),
        ),
        Panel(
            "Events in the outbox",
            Unit.COUNT,
            "max(orders_outbox_events)",
            "Committed with their orders and still to be published. It comes back to 0 within a second.",
        ),
        Panel(
            "Connected to the broker",
            Unit.COUNT,
            "min by (service) (messages_connected)",
            "1 while every pod of the service has its connection.",
            ("service",),
        ),
    ),
)

MESSAGING = Dashboard(
    name="messaging",
    title="Messaging",
    why="Do events arrive, how late, and is anything left behind?",
    rows=(LAG, PUBLISHERS, BROKER),
)
