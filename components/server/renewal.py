"""How a registry without a door takes over a certificate that somebody else renews: by another life of its server.

The registry reads its certificate when it starts. The script below is the container's first process: when
Kubernetes has brought a new certificate, it ends the server as an update does and starts it anew, in the same Pod.
"""

from typing import Final

from ..cluster.waiting import ENDED

WINDOW: Final = 3600
"""Seconds after the time that is set in which a certificate is taken over."""

SCRIPT: Final = (
    ENDED
    + r"""
ulimit -n "$1" || true
config=$2 tls=$3 at=$4 window=$5
server=

# Kubernetes lets the link point elsewhere when the Secret has changed.
version() { readlink "$tls/..data"; }
is_time() { [ -z "$at" ] || [ $((($(date +%s) % 86400 - at + 86400) % 86400)) -lt "$window" ]; }

trap 'trap "" TERM; kill -TERM "$server" 2>/dev/null; ended; exit "$code"' TERM INT

while :; do
  seen=$(version)
  registry serve "$config" & server=$!
  (
    trap 'kill $!; exit' TERM
    while sleep 5 & wait $!; do
      if [ "$(version)" != "$seen" ] && is_time; then
        echo "certificate: renewed; the server starts anew"
        kill -TERM "$server"
        exit
      fi
    done
  ) & follower=$!
  ended; code=$?
  kill "$follower" 2>/dev/null; wait "$follower" 2>/dev/null
  # It ended by itself, and a new container tells why.
  [ "$(version)" != "$seen" ] && is_time || exit "$code"
done
"""
)
"""Arguments: the limit of open files, the configuration, the folder of the certificate, the time of the day in
seconds from which it may be taken over, empty for any, and for how many seconds."""
