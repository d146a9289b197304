{{/*
The containers that wait for the setup container's end and put what it wrote into Secrets. Flags of kubectl as the real
chart uses them, since the stand-in of the image reads the same flags in both.
*/}}
{{- define "z.sidecars" -}}
{{- $name := include "standin.fullname" . -}}
{{- $prefix := .Values.login.loginClientSecretPrefix | default "" -}}
{{- $machine := dig "FirstInstance" "Org" "Machine" dict (.Values.zitadel.configmapConfig | default dict) -}}
{{- $sidecars := list -}}
{{- $username := dig "Machine" "Username" "" ($machine | default dict) -}}
{{- if $username -}}
{{- $sidecars = append $sidecars (dict "container" "machinekey" "volume" "machinekey" "file" "/machinekey/sa.json" "key" (printf "%s.json" $username) "secret" $username) -}}
{{- $sidecars = append $sidecars (dict "container" "machine-pat" "volume" "machinekey" "file" "/machinekey/pat" "key" "pat" "secret" (printf "%s-pat" $username)) -}}
{{- end -}}
{{- if .Values.login.enabled -}}
{{- $sidecars = append $sidecars (dict "container" "login-client-pat" "volume" "login-client" "file" "/login-client/pat" "key" "pat" "secret" (printf "%slogin-client" $prefix)) -}}
{{- end -}}
{{- range $sidecars }}
- name: {{ $name }}-{{ .container }}
  image: {{ include "z.kubectl" $ }}
  imagePullPolicy: {{ $.Values.tools.kubectl.image.pullPolicy }}
  securityContext:
    {{- toYaml $.Values.securityContext | nindent 4 }}
  command:
    - sh
    - -c
    - |
      until [ -n "$(kubectl --namespace={{ $.Release.Namespace }} get pod ${POD_NAME} --output=jsonpath="{.status.containerStatuses[?(@.name=='{{ $name }}-setup')].state.terminated}")" ]; do
        echo "waiting for {{ $name }}-setup to end"
        sleep 5
      done
      [ -f {{ .file }} ] || exit 0
      kubectl --namespace={{ $.Release.Namespace }} create secret generic {{ .secret }} --from-file={{ .key }}={{ .file }} --dry-run=client --output=yaml |
        kubectl annotate --local --filename=- helm.sh/resource-policy=keep --output=yaml |
        kubectl label --local --filename=- app.kubernetes.io/managed-by=Zitadel app.kubernetes.io/name={{ include "standin.name" $ }} app.kubernetes.io/instance={{ $.Release.Name }} --output=yaml |
        kubectl apply --filename=-
  env:
    - name: POD_NAME
      valueFrom: { fieldRef: { fieldPath: metadata.name } }
  volumeMounts:
    - { name: {{ .volume }}, mountPath: /{{ .volume }}, readOnly: true }
{{- end }}
{{- end -}}
