"""By what address and door clients reach the registry."""
