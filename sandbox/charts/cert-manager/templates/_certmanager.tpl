{{- define "cm.labels" -}}
app: {{ .component | replace "controller" "cert-manager" }}
{{ include "standin.labels" (dict "root" .root "name" (.component | replace "controller" "cert-manager") "component" .component) }}
{{- end -}}

{{- define "cm.selector" -}}
{{ include "standin.selector" (dict "root" .root "name" (.component | replace "controller" "cert-manager") "component" .component) }}
{{- end -}}

{{- define "cm.image" -}}
{{ .root.Values.imageRegistry }}/{{ .root.Values.imageNamespace }}/cert-manager-{{ .component }}:{{ .root.Chart.AppVersion }}
{{- end -}}

{{/* A Deployment with its ServiceAccount: (dict "root" $ "name" … "component" … "from" … "args" … "ports" … "probe" …). */}}
{{- define "cm.deployment" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- include "cm.labels" . | nindent 4 }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels:
    {{- include "cm.labels" . | nindent 4 }}
spec:
  replicas: {{ .from.replicaCount }}
  selector:
    matchLabels:
      {{- include "cm.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "cm.labels" . | nindent 8 }}
      {{- with .from.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ .name }}
      enableServiceLinks: false
      {{- include "standin.placement" (dict "from" .from) | nindent 6 }}
      containers:
        - name: cert-manager-{{ .component }}
          image: {{ include "cm.image" . }}
          imagePullPolicy: IfNotPresent
          args:
            {{- toYaml .args | nindent 12 }}
            {{- with .from.extraArgs }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          env:
            - name: POD_NAMESPACE
              valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
          ports:
            {{- toYaml .ports | nindent 12 }}
          {{- with .probes }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
          {{- with .from.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
{{- end -}}
