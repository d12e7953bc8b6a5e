module private-registry/lab/pause

go 1.26
