"""Central logs as data: how the agent reads and sends them (`agent`), and how VictoriaLogs keeps them (`store`)."""
