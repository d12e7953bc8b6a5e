"""What the registry serves TLS with."""
