"""A private container registry on Kubernetes, as Pulumi components."""

from components.private_registry import PrivateRegistry
from components.settings import Settings, SettingsError

__all__ = ["PrivateRegistry", "Settings", "SettingsError"]
