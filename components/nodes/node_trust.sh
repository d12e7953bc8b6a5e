# Runs on each node, and writes there what the node's container runtimes have to know of the registry.
#
# FOLDERS is a folder per runtime and address, below /nodes, a line each. LOOPBACK_FOLDERS are those of loopback
# addresses, which lead to the registry on REGISTRY_NODE alone. CONTAINERD is containerd's own folder, and empty if there
# is none. /authorities/ca.crt is what to trust, in PEM, and DIGEST its SHA-256, which is empty with SCHEME http.
# /served/digest is that of what clients have to trust now: it changes after the registry's certificate. POD is this
# Pod's uid, and NODE its node. The script makes /ready/yes once all is written. When the Pod ends, it removes what it
# wrote last.

set -euf
# Marks our files. Never change it.
HEADER="# Written by private-registry, which takes it away again."
# Folders stand a line each: spaces are allowed in them.
IFS="$(printf '\n ')"; IFS="${IFS% }"
# On another node, a loopback address leads to somebody else's registry, or to none.
[ "$NODE" != "$REGISTRY_NODE" ] || FOLDERS="$FOLDERS
$LOOPBACK_FOLDERS"
# Never exported: Linux starts no program with a variable of more than 128 KiB.
AUTHORITIES=
# The CAs before. They stay trusted while the registry serves a certificate of theirs: an `up` that cannot tell one node
# goes no further.
BEFORE=
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

# The file changes during an update. A Pod that starts before its kubelet knows the new content waits for it, and one
# that starts again afterwards goes on with what it has written.
find_authorities() {
  for folder in "" $FOLDERS; do
    file="${folder:+$folder/private-registry.crt}"
    file="${file:-/authorities/ca.crt}"
    [ -e "$file" ] && [ "$(sha256sum "$file")" = "$DIGEST  $file" ] || continue
    AUTHORITIES="$(cat "$file")"
    return 0
  done
  return 1
}

is_served() { [ "$(cat /served/digest 2>/dev/null || true)" = "$DIGEST" ]; }

find_before() {
  for folder in $FOLDERS; do
    # The first of both: what was before a CA that nobody has served is still the one that is.
    for name in private-registry-before.crt private-registry.crt; do
      if [ -z "$BEFORE" ] && [ -n "$(owner "$folder")" ] && [ -e "$folder/$name" ]; then
        BEFORE="$(cat "$folder/$name")"
      fi
    done
  done
  case "$AUTHORITIES" in *"$BEFORE"*) BEFORE= ;; esac
}

named() {
  if [ -n "$BEFORE" ]; then
    echo '["private-registry.crt", "private-registry-before.crt"]'
  else
    echo '"private-registry.crt"'
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
  [ -z "$BEFORE" ] || put "$folder/private-registry-before.crt" "$BEFORE"
  if is_containerds "$folder"; then
    # Leave `[host]` empty. A host listed there is asked first, and then `server` without the CA. containerd 1.6 needs
    # the table.
    put "$folder/hosts.toml" "$HEADER
server = \"$SCHEME://$address\"
${AUTHORITIES:+ca = $(named)}

[host]"
  fi
  # Last: containerd refuses a pull if a file is missing that its own names.
  [ -n "$BEFORE" ] || rm -f "$folder/private-registry-before.crt"
}

is_whole() {
  [ -z "$AUTHORITIES" ] || [ -e "$1/private-registry.crt" ] || return 1
  [ -z "$BEFORE" ] || [ -e "$1/private-registry-before.crt" ] || return 1
  ! is_containerds "$1" || [ -e "$1/hosts.toml" ]
}

remove() {
  for folder in $FOLDERS; do
    [ "$(owner "$folder")" = "$POD" ] || continue
    made="$(sed -n 2p "$folder/.private-registry")"
    is_foreign "$folder" || rm -f "$folder/hosts.toml"
    for name in hosts.toml private-registry.crt private-registry-before.crt .private-registry; do
      # A node that was cut off may have left what was not moved yet.
      rm -f "$folder/$name.new"
      [ "$name" = hosts.toml ] || rm -f "$folder/$name"
    done
    [ "$made" = found ] || rmdir "$folder" 2>/dev/null || true
  done
  exit 0
}

rm -f /ready/yes
trap 'exit 0' TERM
tries=0
until [ -z "$DIGEST" ] || find_authorities; do
  tries=$((tries + 1))
  # Kubernetes mounts the present content when it starts the container again.
  [ "$tries" -lt 40 ] || { echo "node $NODE has not been given the CAs of this Pod yet" >&2; exit 1; }
  sleep 1 & wait $!
done
for folder in $FOLDERS; do refuse_taken "$folder"; done
ended=
# TERM waits until every file is complete: in the middle of one, it would leave what is no file's name yet.
trap 'ended=yes' TERM
[ -z "$AUTHORITIES" ] || is_served || find_before
for folder in $FOLDERS; do write "$folder"; done
touch /ready/yes
while :; do
  trap remove TERM
  [ -z "$ended" ] || remove
  sleep 10 & wait $!
  trap 'ended=yes' TERM
  outdated=
  if [ -n "$BEFORE" ] && is_served; then BEFORE= outdated=yes; fi
  for folder in $FOLDERS; do
    case "$(owner "$folder")" in
      "$POD") { [ -z "$outdated" ] && is_whole "$folder"; } || is_taken "$folder" || write "$folder" ;;
      "") is_taken "$folder" || write "$folder" ;;
    esac
  done
done
