{{- /* What the schema cannot say. Each refusal names the value, the rule and what to do. */ -}}
{{- define "check" -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$" (include "name" .)) }}
{{- fail (printf "name=%q (the release's): must be a DNS label of at most 50 characters; set the value `name`" (include "name" .)) }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas=%v: must not be more than autoscaling.maxReplicas=%v; raise the one or lower the other" .minReplicas .maxReplicas) }}
{{- end }}
{{- end }}
{{- if and (eq .Values.probes.protocol "grpc") (has (int .Values.probes.grpcPort) (list 8080 9100)) }}
{{- fail (printf "probes.grpcPort=%v: is the port of `http` or `metrics`; choose another" .Values.probes.grpcPort) }}
{{- end }}
{{- include "checkSchedule" . }}
{{- include "checkSettings" . }}
{{- include "checkPaths" . }}
{{- end -}}

{{- define "checkSchedule" -}}
{{- if .Values.schedule }}
{{- if .Values.autoscaling }}
{{- fail "autoscaling: a CronJob's pods end, so nothing scales them; leave out `autoscaling` or `schedule`" }}
{{- end }}
{{- if or .Values.nodePort .Values.loadBalancer.enabled }}
{{- fail "nodePort, loadBalancer: a CronJob has no Service; leave these out or leave out `schedule`" }}
{{- end }}
{{- if eq .Values.probes.protocol "grpc" }}
{{- fail "probes.protocol=\"grpc\": nobody asks a CronJob's pods; leave it out or leave out `schedule`" }}
{{- end }}
{{- else if .Values.suspend }}
{{- fail "suspend=true: only a CronJob can be suspended; set `schedule` too" }}
{{- end }}
{{- end -}}

{{- define "checkSettings" -}}
{{- range $name, $value := .Values.env }}
{{- if regexMatch "(PASSWORD|SECRET|TOKEN|_KEY)$" $name }}
{{- fail (printf "env.%s: a secret must not be in the environment; mount it with `secrets` and name its file" $name) }}
{{- end }}
{{- if has $name (list "SERVICE_NAME" "SERVICE_VERSION" "DRAIN_SECONDS" "SHUTDOWN_SECONDS" "HTTP_PORT" "METRICS_PORT" "GRPC_PORT") }}
{{- fail (printf "env.%s: the chart sets it or relies on its default; use the chart's own values" $name) }}
{{- end }}
{{- end }}
{{- range $argument := .Values.args }}
{{- range regexFindAll `\$\([A-Za-z_][A-Za-z0-9_]*\)` (replace "$$" "" $argument) -1 }}
{{- if not (hasKey (include "env" $ | fromYaml) (trimAll "$()" .)) }}
{{- fail (printf "args: %s is no setting; add it to `env`, or write $%s for the text itself" . .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "checkPaths" -}}
{{- range $index, $one := .Values.secrets }}
{{- range $later, $other := $.Values.secrets }}
{{- if and (lt $index $later) (or (eq $one.name $other.name) (eq $one.path $other.path)) }}
{{- fail (printf "secrets: %s and %s share their name or path; give each Secret once, with a path of its own" $one.name $other.name) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.claim }}
{{- $taken := list "/tmp" "/etc/service" "/etc/watched" }}
{{- range $.Values.secrets }}
{{- $taken = append $taken .path }}
{{- end }}
{{- if has (trimSuffix "/" .path) $taken }}
{{- fail (printf "claim.path=%q: something else is mounted there; choose another folder" .path) }}
{{- end }}
{{- end }}
{{- end -}}
