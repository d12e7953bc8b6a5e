"""What nodes have to know of the registry."""
