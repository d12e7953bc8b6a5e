"""Paths that settings name."""

from pathlib import Path


def exists(path: str | Path) -> bool:
    """Whether there is something at a path, with `~` as the home. Never raises: content may stand in its place."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        # Too long, or with a NUL: the error itself would show the content.
        return False
