{{- define "z.budget" -}}
{{- if .from.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  {{- if and .from.minAvailable .from.maxUnavailable }}
  {{- fail "pdb: minAvailable and maxUnavailable exclude each other" }}
  {{- end }}
  {{- with .from.minAvailable }}
  minAvailable: {{ . }}
  {{- end }}
  {{- with .from.maxUnavailable }}
  maxUnavailable: {{ . }}
  {{- end }}
  selector:
    matchLabels:
      {{- .selector | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "z.ingress" -}}
{{- $ := . }}
{{- $annotations := .from.annotations | default dict }}
{{- if .grpc }}
{{- $annotations = merge (dict "nginx.ingress.kubernetes.io/backend-protocol" "GRPC") $annotations }}
{{- end }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .from.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .from.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range .from.hosts }}
    - host: {{ .host | default $.root.Values.zitadel.configmapConfig.ExternalDomain | quote }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ .path }}
            pathType: {{ .pathType }}
            backend: { service: { name: {{ $.service }}, port: { number: {{ $.port }} } } }
          {{- end }}
    {{- end }}
{{- end -}}
