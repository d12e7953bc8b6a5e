"""Who reaches the registry over the cluster's network, and whom it reaches."""
