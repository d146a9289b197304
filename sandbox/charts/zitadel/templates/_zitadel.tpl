{{- define "z.hook" -}}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-delete-policy: before-hook-creation
  helm.sh/hook-weight: {{ . | quote }}
{{- end -}}

{{- define "z.login" -}}
{{ include "standin.fullname" . }}-login
{{- end -}}

{{- define "z.masterkeySecret" -}}
{{- if and .Values.zitadel.masterkey .Values.zitadel.masterkeySecretName -}}
{{- fail "Either set .Values.zitadel.masterkey xor .Values.zitadel.masterkeySecretName" -}}
{{- end -}}
{{- if not (or .Values.zitadel.masterkey .Values.zitadel.masterkeySecretName) -}}
{{- fail "Either set .Values.zitadel.masterkey xor .Values.zitadel.masterkeySecretName" -}}
{{- end -}}
{{- .Values.zitadel.masterkeySecretName | default (printf "%s-masterkey" (include "standin.fullname" .)) -}}
{{- end -}}

{{- define "z.kubectl" -}}
{{- $version := .Capabilities.KubeVersion.Version | trimPrefix "v" | splitList "-" | first | splitList "+" | first -}}
{{ .Values.tools.kubectl.image.repository }}:{{ .Values.tools.kubectl.image.tag | default $version }}
{{- end -}}

{{- define "z.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Names the settings that the chart keeps for itself. */}}
{{- define "z.guard" -}}
{{- include "standin.check" . -}}
{{- with .Values.zitadel.configmapConfig.FirstInstance -}}
{{- range $key := list "MachineKeyPath" "PatPath" "LoginClientPatPath" -}}
{{- if get $.Values.zitadel.configmapConfig.FirstInstance $key -}}
{{- fail (printf ".Values.zitadel.configmapConfig.FirstInstance.%s is set by the chart" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The configuration files, in the order in which the server reads them: (dict "root" $ "flags" (list "--config")). */}}
{{- define "z.configArgs" -}}
{{- $flags := .flags -}}
{{- $files := list "/config/zitadel-config-yaml" -}}
{{- if .root.Values.zitadel.secretConfig }}{{ $files = append $files "/zitadel-secrets-yaml/zitadel-secrets-yaml" }}{{ end -}}
{{- if .root.Values.zitadel.configSecretName }}{{ $files = append $files (printf "/zitadel-secret-config-yaml/%s" .root.Values.zitadel.configSecretKey) }}{{ end -}}
{{- range $file := $files }}
{{- range $flags }}
- {{ . }}
- {{ $file }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (dict "root" $ "masterkey" bool "admin" bool) */}}
{{- define "z.env" -}}
- name: POD_IP
  valueFrom: { fieldRef: { apiVersion: v1, fieldPath: status.podIP } }
{{- if .masterkey }}
- name: ZITADEL_MASTERKEY
  valueFrom: { secretKeyRef: { name: {{ include "z.masterkeySecret" .root }}, key: masterkey } }
{{- end }}
{{- if include "z.caSecret" .root }}
- { name: ZITADEL_DATABASE_POSTGRES_USER_SSL_ROOTCERT, value: /db-ssl-ca-crt/ca.crt }
{{- if .admin }}
- { name: ZITADEL_DATABASE_POSTGRES_ADMIN_SSL_ROOTCERT, value: /db-ssl-ca-crt/ca.crt }
{{- end }}
{{- end }}
- { name: ZITADEL_DATABASE_POSTGRES_AWAITINITIALCONN, value: 5m }
{{- with .root.Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "z.envFrom" -}}
{{- with .Values.envVarsSecret }}
envFrom: [{ secretRef: { name: {{ . }} } }]
{{- end }}
{{- end -}}

{{- define "z.caSecret" -}}
{{- if .Values.zitadel.dbSslCaCrt -}}
{{ include "standin.fullname" . }}-db-ssl-ca-crt
{{- else -}}
{{ .Values.zitadel.dbSslCaCrtSecret }}
{{- end -}}
{{- end -}}

{{- define "z.mounts" -}}
- { name: zitadel-config-yaml, mountPath: /config, readOnly: true }
{{- if .Values.zitadel.secretConfig }}
- { name: zitadel-secrets-yaml, mountPath: /zitadel-secrets-yaml, readOnly: true }
{{- end }}
{{- if .Values.zitadel.configSecretName }}
- { name: zitadel-secret-config-yaml, mountPath: /zitadel-secret-config-yaml, readOnly: true }
{{- end }}
{{- if include "z.caSecret" . }}
- { name: db-ssl-ca-crt, mountPath: /db-ssl-ca-crt, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "z.volumes" -}}
- name: zitadel-config-yaml
  configMap: { name: {{ include "standin.fullname" . }}-config-yaml }
{{- if .Values.zitadel.secretConfig }}
- name: zitadel-secrets-yaml
  secret: { secretName: {{ include "standin.fullname" . }}-secrets-yaml, defaultMode: 288 }
{{- end }}
{{- with .Values.zitadel.configSecretName }}
- name: zitadel-secret-config-yaml
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with include "z.caSecret" . }}
- name: db-ssl-ca-crt
  secret: { secretName: {{ . }}, defaultMode: 288 }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The head of every pod: (dict "root" $ "account" …). */}}
{{- define "z.pod" -}}
serviceAccountName: {{ .account }}
enableServiceLinks: false
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "z.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  scheme: HTTP
  {{- with .host }}
  httpHeaders: [{ name: Host, value: {{ . | quote }} }]
  {{- end }}
{{- range $field := list "initialDelaySeconds" "periodSeconds" "failureThreshold" }}
{{- if hasKey $.from $field }}
{{ $field }}: {{ get $.from $field }}
{{- end }}
{{- end }}
{{- end -}}
