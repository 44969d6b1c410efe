{{- define "name" -}}
{{- .Values.name | default .Release.Name -}}
{{- end -}}

{{- /* What the Deployment and its Services select by: never changes, and leaves the migration's pods out. */ -}}
{{- define "selector" -}}
app.kubernetes.io/name: {{ include "name" . | quote }}
app.kubernetes.io/component: {{ .Values.component | quote }}
{{- end -}}

{{- define "commonLabels" -}}
app.kubernetes.io/name: {{ include "name" . | quote }}
app.kubernetes.io/part-of: {{ .Values.partOf | quote }}
app.kubernetes.io/version: {{ .Values.version | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "labels" -}}
{{ include "commonLabels" . }}
app.kubernetes.io/component: {{ .Values.component | quote }}
{{- end -}}

{{- define "migrationLabels" -}}
{{ include "commonLabels" . }}
app.kubernetes.io/component: migration
{{- end -}}

{{- /* The environment of the service: what the chart knows, then what the values say. */ -}}
{{- define "env" -}}
{{- $given := dict
  "SERVICE_NAME" (include "name" .)
  "SERVICE_VERSION" .Values.version
  "DRAIN_SECONDS" (toString .Values.shutdown.drainSeconds)
  "SHUTDOWN_SECONDS" (toString .Values.shutdown.inFlightSeconds) -}}
{{- if eq .Values.probes.protocol "grpc" -}}
{{- $_ := set $given "GRPC_PORT" (toString .Values.probes.grpcPort) -}}
{{- end -}}
{{- merge (dict) .Values.env $given | toYaml -}}
{{- end -}}

{{- /* Two pods; one where they share a claim, which binds them to one node. */ -}}
{{- define "replicas" -}}
{{- .Values.replicas | default (ternary 1 2 (not (empty .Values.claim))) -}}
{{- end -}}

{{- define "leastReplicas" -}}
{{- if .Values.autoscaling }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ include "replicas" . }}{{ end -}}
{{- end -}}
