"""Who is told of an alert: routes, groups and inhibitions as data, and Alertmanager's file made of them."""

from monitoring.alerting.alerting import ALERTING
from monitoring.alerting.rendering import render

__all__ = ["ALERTING", "render"]
