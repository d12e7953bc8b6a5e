"""What holds for every object in the cluster: names, Pods, waits and failures."""
