"""The oldest Pulumi that works."""

from typing import Final

import pulumi

RANGE: Final = ">=3.226.0"
"""The first whose replacement_trigger ignores unchanged dependencies. Pulumi.yaml has it for newer Pulumis."""


def check_pulumi() -> None:
    """Refuse an older Pulumi. One that old does not read the range in Pulumi.yaml, nor answer the question."""
    try:
        pulumi.require_pulumi_version(RANGE)
    except Exception:  # noqa: BLE001 - the SDK raises plain exceptions, whatever the reason
        raise pulumi.RunError(
            f"Pulumi {RANGE.removeprefix('>=')} or newer is needed; fix: install it "
            "(`pulumi version` tells which one runs), then the same command again"
        ) from None
