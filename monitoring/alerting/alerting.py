"""Who is told of what, and what is held back. Every route and every inhibition stands here, once, with its reason."""

from monitoring.alerting.model import Alerting, Grouping, Inhibition, Receiver, Route, checked, label
from monitoring.rules import Severity, alerts

MAILBOX = "mailbox.observability:25"
PAGER = "http://pager.observability/alerts"
OPERATORS = "ops@blueprint.test"
SENDER = "alertmanager@blueprint.test"

SUBJECT = (
    '[{{ .Status | toUpper }}{{ if eq .Status "firing" }} {{ .Alerts.Firing | len }}{{ end }}]'
    " {{ .GroupLabels.alertname }}{{ with .GroupLabels.namespace }} in {{ . }}{{ end }}"
)
TEXT = """\
{{ range .Alerts -}}
{{ .Status | toUpper }}: {{ .Annotations.summary }}
{{ .Annotations.description }}
Run book: {{ .Annotations.runbook }}
Severity: {{ .Labels.severity }}
Since:    {{ .StartsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}
{{- if eq .Status "resolved" }}
Until:    {{ .EndsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}
{{- end }}
Labels:   {{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}

{{ end -}}
"""

ON_CALL = Receiver("on-call", mails=(OPERATORS,), webhooks=(PAGER,))
OPERATIONS = Receiver("operations", mails=(OPERATORS,))
NOBODY = Receiver("nobody")

GROUPING = Grouping(
    by=("alertname", "namespace"),
    wait="15s",  # a fault of many pods comes as one notification
    interval="1m",  # so that the end of a fault is told soon as well
    repeat="4h",
)

ROUTES = (
    Route(Severity.PAGE, ON_CALL),
    Route(Severity.TICKET, OPERATIONS),
    Route(Severity.NONE, NOBODY),
)

INHIBITIONS = (
    Inhibition(
        "its pods are as it is",
        (label("alertname", "NodeDown"),),
        (label("alertname", "ServiceDown", "PodCrashLooping", "TargetMissing"),),
        same=("node",),
    ),
    Inhibition(
        "who is not there is neither quick nor right and has no metrics; why its pods crash is the same question",
        (label("alertname", "ServiceDown"),),
        (label("alertname", "HighErrorRate", "HighLatency", "PodCrashLooping", "TargetMissing"),),
        same=("namespace", "service"),
    ),
    Inhibition(
        "without a store nobody works who needs it",
        (label("alertname", "ServiceDown"), label("namespace", "data")),
        (label("alertname", "HighErrorRate", "HighLatency", "BrokerLag", "QueueStuck"),),
    ),
    Inhibition(
        "how long an error took is not how long an answer takes: who is paged for errors looks at those first",
        (label("alertname", "HighErrorRate"),),
        (label("alertname", "HighLatency"),),
        same=("namespace", "service"),
    ),
    Inhibition(
        "what crashes cannot be read",
        (label("alertname", "PodCrashLooping"),),
        (label("alertname", "TargetMissing"),),
        same=("namespace", "pod"),
    ),
    Inhibition(
        "a consumer that stands still lags as well",
        (label("alertname", "QueueStuck"), label("service", "nats")),
        (label("alertname", "BrokerLag"),),
        same=("stream_name", "consumer_name"),
    ),
    Inhibition(
        "who is paged needs no ticket about the same",
        (label("severity", Severity.PAGE),),
        (label("severity", Severity.TICKET),),
        same=("alertname", "namespace", "service", "node", "mountpoint", "instance"),
    ),
)

ALERTING = checked(
    Alerting(
        smarthost=MAILBOX,
        sender=SENDER,
        grouping=GROUPING,
        routes=ROUTES,
        inhibitions=INHIBITIONS,
        templates={"subject": SUBJECT, "text": TEXT},
    ),
    {alert.name for alert in alerts()},
)
