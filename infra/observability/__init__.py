"""What watches the rest: metrics, alerts, dashboards and logs."""

from infra.observability.observability import Observability, ObservabilityArgs

__all__ = ["Observability", "ObservabilityArgs"]
