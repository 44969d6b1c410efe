"""What watches the rest: metrics, alerts, dashboards and logs."""
