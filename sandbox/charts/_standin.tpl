{{/*
Shared by all stand-in charts of the sandbox: names, labels and the check of values. Packed into every archive as
templates/_standin.tpl, beside known.yaml, which lists by path the keys that the real chart of this version knows. A path
that is not listed there takes any keys. A key that the real chart does not know would silently do nothing there, so here
it stops the release. Rights, hooks, names, ports and labels are the real chart's; first looks of probes come sooner than there
(Contour waits 15 s), security contexts and what Kubernetes fills in by itself are left out.
*/}}
{{- define "standin.check" -}}
{{- include "standin.walk" (dict "value" .Values "path" "." "known" (fromYaml (.Files.Get "known.yaml")) "chart" (printf "%s %s" .Chart.Name .Chart.Version)) -}}
{{- end -}}

{{- define "standin.walk" -}}
{{- $keys := get .known .path -}}
{{- if and $keys (kindIs "map" .value) -}}
{{- range $key, $value := .value -}}
{{- $path := ternary $key (printf "%s.%s" $.path $key) (eq $.path ".") -}}
{{- if has $key $keys -}}
{{- include "standin.walk" (dict "value" $value "path" $path "known" $.known "chart" $.chart) -}}
{{- else if not (and (eq $.path ".") (eq $key "global")) -}}
{{- fail (printf "sandbox: chart %s knows no value %s (the real chart would ignore it)" $.chart $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "standin.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "standin.fullname" -}}
{{- $name := include "standin.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selector labels: (dict "root" $ "name" … "component" …); name and component may be left out. */}}
{{- define "standin.selector" -}}
app.kubernetes.io/name: {{ .name | default (include "standin.name" .root) }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "standin.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "standin.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{/* The fields of a pod's placement that most charts hand through: (dict "from" .Values.x). */}}
{{- define "standin.placement" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with get $.from $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A role bound to a service account, in one namespace or in the cluster: (dict "kind" "ClusterRole" "name" … "binding" (its name, where it is another) … "namespace" … "account" … "accountNamespace" … "rules" (list …) "labels" … "annotations" …). */}}
{{- define "standin.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- .labels | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .binding | default .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- .labels | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .accountNamespace }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
{{- end -}}

{{/* A disruption budget as charts render it: (dict "name" … "labels" … "selector" … "from" (minAvailable, maxUnavailable; one at most is set)). */}}
{{- define "standin.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  {{- if .from.minAvailable }}
  minAvailable: {{ .from.minAvailable }}
  {{- else }}
  maxUnavailable: {{ .from.maxUnavailable | default 1 }}
  {{- end }}
  selector:
    matchLabels:
      {{- .selector | nindent 6 }}
{{- end -}}
