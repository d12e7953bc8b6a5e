"""When and how the registry removes what no image needs any more: the rules, and the script that does it.

Collecting while somebody pushes destroys images: what a push has found to be there already is removed under it. So
the registry's own container collects, between two lives of the server. Where only one Pod may write, nothing else
can meet it then; a server that refuses pushes answers pulls meanwhile. It needs no rights in the cluster, and no
other image. A broken rule is a `ValueError` whose text begins with "must".
"""

from typing import Final

from ..cluster.waiting import ENDED
from ..references import registry_version
from ..shown import shown_image

_FIRST_THAT_KEEPS_PLATFORMS: Final = (3, 0)
"""Older versions take the parts of a multi-platform image for untagged (distribution/distribution#3178)."""

SCRIPT: Final = (
    ENDED
    + r"""
ulimit -n "$1" || true
config=$2 while_collecting=$3 at=$4 images=$5 collected=$6
shift 6
server= asked=
stop() { kill -TERM "$server" 2>/dev/null; ended; }
used() { [ -z "$images" ] || du -sk "$images" | cut -f 1; }

trap 'trap "" TERM; stop; exit' TERM INT
trap 'asked=yes; kill -TERM "$server"' USR1

while :; do
  registry serve "$config" & server=$!
  day=$(($(date +%s) % 86400))
  until=$(($(date +%s) + (at - day + 86399) % 86400 + 1))
  (trap 'kill $!; exit' TERM; sleep $((until - $(date +%s))) & wait $!; kill -TERM "$server") & timer=$!
  ended; code=$?
  kill "$timer" 2>/dev/null; wait "$timer" 2>/dev/null
  # It ended by itself, and a new container tells why.
  [ -n "$asked" ] || [ "$(date +%s)" -ge "$until" ] || exit "$code"

  trap '' USR1
  echo "collection: begins; pushes are refused until it ends, and pulls go on"
  registry serve "$while_collecting" & server=$!
  before=$(used)
  {
    registry garbage-collect "$@" "$config" 2>&1; code=$?
    [ "$code" -ne 0 ] || [ -z "$collected" ] || touch "$collected"
    echo "collection: ended with code $code"
  } | grep -v ': marking ' &
  wait $!
  after=$(used)
  [ -z "$images" ] || echo "collection: $((before - after)) KiB freed, $after KiB used"
  stop
  asked=
  trap 'asked=yes; kill -TERM "$server"' USR1
done
"""
)
"""Arguments: the limit of open files, the configurations while serving and while collecting, the time of the day in
seconds, the folder with the images if there is one, a file to touch after each collection if any, and flags for the
collection."""

NOW: Final = "sh -c 'kill -USR1 1'"
"""What starts a collection at any time, within the container."""


def check_untagged(image: str) -> None:
    """Refuse to remove untagged manifests by a version that would break images of several platforms."""
    version = registry_version(image)
    if version and version < _FIRST_THAT_KEEPS_PLATFORMS[: len(version)]:
        raise ValueError(
            f"must be false with {shown_image(image)}: versions before 3.0 then remove the parts of "
            "multi-platform images"
        )


def flags(*, report_only: bool, untagged: bool) -> list[str]:
    """Give the flags of the registry's own command."""
    return [*(["--dry-run"] if report_only else []), *(["--delete-untagged"] if untagged else [])]
