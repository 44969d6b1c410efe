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
{{- merge (dict) .Values.env $given | toYaml -}}
{{- end -}}

{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "secretMounts" -}}
{{- range .Values.secrets }}
- name: secret-{{ .name }}
  mountPath: {{ .path }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "secretVolumes" -}}
{{- range .Values.secrets }}
- name: secret-{{ .name }}
  secret:
    secretName: {{ .name }}
    defaultMode: 288 # 0440: the group is the pod's fsGroup
{{- end }}
{{- end -}}

{{- define "temporaryVolume" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{- define "leastReplicas" -}}
{{- if .Values.autoscaling }}{{ .Values.autoscaling.minReplicas }}{{ else }}{{ .Values.replicas }}{{ end -}}
{{- end -}}

{{- define "check" -}}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas=%v: must not be more than autoscaling.maxReplicas=%v; raise the one or lower the other" .minReplicas .maxReplicas) }}
{{- end }}
{{- end }}
{{- range $index, $one := .Values.secrets }}
{{- range $later, $other := $.Values.secrets }}
{{- if and (lt $index $later) (or (eq $one.name $other.name) (eq $one.path $other.path)) }}
{{- fail (printf "secrets: %s and %s share their name or path; give each Secret once, with a path of its own" $one.name $other.name) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
{{- if regexMatch "(PASSWORD|SECRET|TOKEN|_KEY)$" $name }}
{{- fail (printf "env.%s: a secret must not be in the environment; mount it with `secrets` and name its file" $name) }}
{{- end }}
{{- if has $name (list "SERVICE_NAME" "SERVICE_VERSION" "DRAIN_SECONDS" "SHUTDOWN_SECONDS" "HTTP_PORT" "METRICS_PORT") }}
{{- fail (printf "env.%s: the chart sets it or relies on its default; use the chart's own values" $name) }}
{{- end }}
{{- end }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$" (include "name" .)) }}
{{- fail (printf "name=%q (the release's): must be a DNS label of at most 50 characters; set the value `name`" (include "name" .)) }}
{{- end }}
{{- end -}}
