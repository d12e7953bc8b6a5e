module private-registry/lab/alertmanager

go 1.25.0

require github.com/prometheus/alertmanager v0.35.0
