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

{{- define "z.route" -}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
    {{- with .from.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .from.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .from.parentRefs }}
  parentRefs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  hostnames:
    {{- toYaml (.from.hostnames | default (list .root.Values.zitadel.configmapConfig.ExternalDomain)) | nindent 4 }}
  rules:
    {{- range required "httpRoute.paths must not be empty when httpRoute is enabled" .from.paths }}
    - matches:
        - path: { type: {{ .pathType | default "PathPrefix" }}, value: {{ .path | quote }} }
      backendRefs:
        - { name: {{ $.service }}, port: {{ $.port }} }
      {{- with $.from.filters }}
      filters:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $.from.timeouts }}
      timeouts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
{{- end -}}
