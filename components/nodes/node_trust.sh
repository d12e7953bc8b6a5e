# Runs on each node, and writes there what the node's container runtimes have to know of the registry.
#
# FOLDERS is a folder per runtime and address, below /nodes, a line each; CONTAINERD is containerd's own, and empty if
# there is none. CA is what to trust, in PEM; with SCHEME http it is empty. POD is this Pod's uid, and NODE its node.
# /ready/yes is there once all is written. An end takes away what this Pod wrote last.

set -euf
# By it a file is known as ours, so that it never changes.
HEADER="# Written by private-registry, which takes it away again."
# Folders stand a line each: spaces are allowed in them.
IFS="$(printf '\n ')"; IFS="${IFS% }"
# A folder's record says which Pod wrote there last, and whether the folder itself is ours. The newest Pod takes
# over; one that is replaced finds another's name, and leaves the files to it.
owner() { head -n 1 "$1/.private-registry" 2>/dev/null || true; }

# By way of a second name, so that a runtime never reads half a file.
put() { printf '%s\n' "$2" > "$1.new"; mv -f "$1.new" "$1"; }

is_foreign() { [ -e "$1/hosts.toml" ] && [ "$(head -n 1 "$1/hosts.toml")" != "$HEADER" ]; }

refuse_foreign() {
  if is_foreign "$1"; then
    echo "${1#/nodes}/hosts.toml is another tool's: remove it on node $NODE, or set nodeTrust to off and have" \
      "that file trust the registry" >&2
    exit 1
  fi
}

write() {
  folder="$1" address="${1##*/}" made=found
  if [ ! -d "$folder" ]; then
    made=made
    mkdir "$folder"
  elif [ -n "$(owner "$folder")" ]; then
    made="$(sed -n 2p "$folder/.private-registry")"
  fi
  # Ours from here on, whatever happens.
  put "$folder/.private-registry" "$POD
$made"
  if [ -n "$CA" ]; then put "$folder/private-registry.crt" "$CA"; else rm -f "$folder/private-registry.crt"; fi
  case "$folder" in "/nodes$CONTAINERD/"*)
    # No host in the table: containerd would ask it first, then the server without the CA. Without the table, 1.6
    # does not read the file.
    put "$folder/hosts.toml" "$HEADER
server = \"$SCHEME://$address\"
${CA:+ca = \"private-registry.crt\"}

[host]"
  esac
}

is_whole() {
  [ -z "$CA" ] || [ -e "$1/private-registry.crt" ] || return 1
  case "$1" in "/nodes$CONTAINERD/"*) [ -e "$1/hosts.toml" ] ;; esac
}

remove() {
  for folder in $FOLDERS; do
    [ "$(owner "$folder")" = "$POD" ] || continue
    made="$(sed -n 2p "$folder/.private-registry")"
    is_foreign "$folder" || rm -f "$folder/hosts.toml"
    rm -f "$folder/private-registry.crt" "$folder/.private-registry"
    [ "$made" = found ] || rmdir "$folder" 2>/dev/null || true
  done
  exit 0
}

rm -f /ready/yes
for folder in $FOLDERS; do refuse_foreign "$folder"; done
# An end in the middle of a file waits for its last line, or would leave half of it behind.
ended=
trap 'ended=yes' TERM
for folder in $FOLDERS; do write "$folder"; done
touch /ready/yes
trap remove TERM
[ -z "$ended" ] || remove
while sleep 10 & wait $!; do
  for folder in $FOLDERS; do
    case "$(owner "$folder")" in
      "$POD") is_whole "$folder" || write "$folder" ;;
      "") is_foreign "$folder" || write "$folder" ;;
    esac
  done
done
