"""The proof that the registry works."""
