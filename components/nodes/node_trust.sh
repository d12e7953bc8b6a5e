# Runs on each node, and writes there what the node's container runtimes have to know of the registry.
#
# FOLDERS is a folder per runtime and address, below /nodes, a line each. LOOPBACK_FOLDERS are those of loopback
# addresses, which lead to the registry on REGISTRY_NODE alone. CONTAINERD is containerd's own folder, and empty if there
# is none. /authorities/ca.crt is what to trust, in PEM; with SCHEME http there is no such file. POD is this Pod's uid,
# and NODE its node. The script makes /ready/yes once all is written. When the Pod ends, it removes what it wrote last.

set -euf
# Marks our files. Never change it.
HEADER="# Written by private-registry, which takes it away again."
# Folders stand a line each: spaces are allowed in them.
IFS="$(printf '\n ')"; IFS="${IFS% }"
# On another node, a loopback address leads to somebody else's registry, or to none.
[ "$NODE" != "$REGISTRY_NODE" ] || FOLDERS="$FOLDERS
$LOOPBACK_FOLDERS"
# Read once: the content belongs to this Pod, and the next one brings its own. Never exported, since Linux starts no
# program with a variable of more than 128 KiB.
AUTHORITIES=
[ ! -e /authorities/ca.crt ] || AUTHORITIES="$(cat /authorities/ca.crt)"
# The record names the Pod that wrote last, and says whether the folder itself is ours. Only that Pod removes the
# files: a newer Pod puts its own name there, before the older one ends.
owner() { head -n 1 "$1/.private-registry" 2>/dev/null || true; }

# Write to a second name first, so that a runtime never reads half a file.
put() { printf '%s\n' "$2" > "$1.new"; mv -f "$1.new" "$1"; }

# Containerd alone knows hosts.toml. Another runtime's folder may lie inside containerd's.
is_containerds() { [ "${1%/*}" = "/nodes$CONTAINERD" ]; }

is_foreign() { [ -e "$1/hosts.toml" ] && [ "$(head -n 1 "$1/hosts.toml")" != "$HEADER" ]; }

is_taken() { is_containerds "$1" && is_foreign "$1"; }

refuse_taken() {
  if is_taken "$1"; then
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
  if [ -n "$AUTHORITIES" ]; then
    put "$folder/private-registry.crt" "$AUTHORITIES"
  else
    rm -f "$folder/private-registry.crt"
  fi
  if is_containerds "$folder"; then
    # Leave `[host]` empty. A host listed there is asked first, and then `server` without the CA. containerd 1.6 needs
    # the table.
    put "$folder/hosts.toml" "$HEADER
server = \"$SCHEME://$address\"
${AUTHORITIES:+ca = \"private-registry.crt\"}

[host]"
  fi
}

is_whole() {
  [ -z "$AUTHORITIES" ] || [ -e "$1/private-registry.crt" ] || return 1
  ! is_containerds "$1" || [ -e "$1/hosts.toml" ]
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
for folder in $FOLDERS; do refuse_taken "$folder"; done
# Delay TERM until every file is complete.
ended=
trap 'ended=yes' TERM
for folder in $FOLDERS; do write "$folder"; done
touch /ready/yes
trap remove TERM
[ -z "$ended" ] || remove
while sleep 10 & wait $!; do
  for folder in $FOLDERS; do
    case "$(owner "$folder")" in
      "$POD") is_whole "$folder" || is_taken "$folder" || write "$folder" ;;
      "") is_taken "$folder" || write "$folder" ;;
    esac
  done
done
