"""What all component tests have in common: no test asks a registry."""

from tests.registry import asked

__all__ = ["asked"]
