# The first process of the container: nginx that ends without a cut, and takes over what changes.
# After the function `ended`. Arguments: the folder of its files, a folder to write to, and folders whose Secrets are followed.
door=$1 run=$2
shift 2

# A cluster without IPv6 has no address that nginx could take.
mkdir -p "$run/temporary"
if [ -s /proc/net/if_inet6 ]; then cp "$door/ipv6.conf" "$run/"; fi

# Kubernetes lets the link point elsewhere when a Secret has changed, so that a certificate never meets another's key.
versions() { for folder; do readlink "$folder/..data"; done; }

follow() {
  seen=$1 refused=
  shift
  while sleep 2; do
    now=$(versions "$@")
    if [ "$now" = "$seen" ] || [ "$now" = "$refused" ]; then continue; fi
    if nginx -t -q -e stderr -c "$door/nginx.conf"; then
      kill -HUP "$server"
      cp "$door/version" "$run/"
      seen=$now refused=
      echo "door: took over what has changed"
    else
      refused=$now
      echo "door: kept what was before: nginx refuses what has changed, as said above" >&2
    fi
  done
}

# The registry, in another container, serves until this file is gone.
touch "$run/serving"
cp "$door/version" "$run/"
trap 'rm -f "$run/serving"' EXIT
# Until nginx runs. The first process of a container is not even ended by a signal that it does not take.
trap 'exit 0' TERM QUIT INT
was=$(versions "$@")
nginx -e stderr -c "$door/nginx.conf" &
server=$!
# TERM would cut what runs.
trap 'kill -QUIT "$server"' TERM QUIT INT
follow "$was" "$@" &
follower=$!

ended
kill "$follower" 2>/dev/null
exit "$code"
