{{- /* What the Deployment's pods, the CronJob's and the migration's have in common. */ -}}

{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* The pod of the service, whether it goes on or ends. */ -}}
{{- define "servicePod" -}}
serviceAccountName: {{ include "name" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.token }}
enableServiceLinks: false # else Kubernetes sets variables such as POSTGRES_PORT, which are settings here
securityContext: {{- include "podSecurity" . | nindent 2 }}
volumes: {{- include "serviceVolumes" . | nindent 2 }}
{{- end -}}

{{- define "serviceContainer" -}}
image: {{ .Values.image | quote }}
imagePullPolicy: IfNotPresent
{{- with .Values.args }}
args: {{- toYaml . | nindent 2 }}
{{- end }}
envFrom:
  - configMapRef:
      name: {{ include "name" . }}-env
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext: {{- include "containerSecurity" . | nindent 2 }}
volumeMounts: {{- include "serviceMounts" . | nindent 2 }}
{{- end -}}

{{- define "serviceMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.files }}
- name: files
  mountPath: /etc/service
  readOnly: true
{{- end }}
{{- if .Values.watchedFiles }}
- name: watched
  mountPath: /etc/watched
  readOnly: true
{{- end }}
{{- with .Values.claim }}
- name: data
  mountPath: {{ .path }}
{{- end }}
{{- include "secretMounts" . }}
{{- end -}}

{{- define "serviceVolumes" -}}
{{ include "temporaryVolume" . }}
{{- if .Values.files }}
- name: files
  configMap:
    name: {{ include "name" . }}-files
{{- end }}
{{- if .Values.watchedFiles }}
- name: watched
  configMap:
    name: {{ include "name" . }}-watched
{{- end }}
{{- if .Values.claim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "name" . }}-data
{{- end }}
{{- include "secretVolumes" . }}
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

{{- /* One probe's question, for one of startup, readiness, liveness. */ -}}
{{- define "question" -}}
{{- if eq .root.Values.probes.protocol "grpc" -}}
grpc: { port: {{ .root.Values.probes.grpcPort }}, service: {{ .kind }} }
{{- else -}}
httpGet: { path: {{ get (dict "startup" "/startupz" "readiness" "/readyz" "liveness" "/livez") .kind }}, port: http }
{{- end -}}
{{- end -}}
