"""What the shell scripts that are a container's first process have in common."""

from typing import Final

ENDED: Final = r"""
# Until the server has really ended: a signal ends a wait early.
ended() {
  while :; do
    wait "$server"; code=$?
    [ "$code" -gt 128 ] && kill -0 "$server" 2>/dev/null && continue
    return "$code"
  done
}
"""
"""Waits for the process `server`, and gives its code, also as `code`."""
