module private-registry/lab/tls-check

go 1.26
