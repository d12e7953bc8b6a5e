# The first process of the container: it writes what Prometheus reads, and nginx serves that and nothing else.
# Arguments: a folder to write to, the folder of the images, the certificate, whether images are collected, the folder of
# failed logins, the ports, the address of the registry's own metrics, and names of proofs.
run=$1 images=$2 certificate=$3 collects=$4 logins=$5 port=$6 reports=$7 registry=$8
shift 8
started=$(date +%s) failed=0

listen() {
  echo "listen $1;"
  # A cluster without IPv6 has no address that nginx could take.
  [ ! -s /proc/net/if_inet6 ] || echo "listen [::]:$1;"
}

reports() {
  cat <<END
  log_format report '\$proof \$msec';
  limit_req_zone \$server_port zone=reports:1m rate=10r/s;
  server {
    $(listen "$reports")
    location ~ "^/(?<proof>[a-z0-9.-]{1,253})\$" {
      limit_req zone=reports burst=100 nodelay;
      # \`return\` here would come before the limit.
      try_files /nonexistent @taken;
    }
    location @taken {
      access_log $run/reports report;
      return 204;
    }
    location / { return 404; }
  }
END
}

configuration() {
  cat <<END
daemon off;
pid $run/nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 128; }
http {
  client_body_temp_path $run/temporary;
  proxy_temp_path $run/temporary;
  fastcgi_temp_path $run/temporary;
  uwsgi_temp_path $run/temporary;
  scgi_temp_path $run/temporary;
  server_tokens off;
  access_log off;
  server {
    $(listen "$port")
    location = /metrics {
      # The file includes what the registry says: Prometheus sees one page, and nothing else of the debug server.
      default_type "text/plain; version=0.0.4; charset=utf-8";
      alias $run/metrics;
      ssi on;
      ssi_types *;
    }
    location = /registry {
      internal;
      proxy_set_header Accept-Encoding "";
      proxy_pass http://$registry;
    }
    location / { return 404; }
  }
  $([ $# = 0 ] || reports)
}
END
}

# Name, what it is, and its value with labels before it: the text format of Prometheus.
metric() {
  case $1 in *_total) kind=counter ;; *) kind=gauge ;; esac
  printf '# HELP %s %s\n# TYPE %s %s\n' "$1" "$2" "$1" "$kind"
  printf '%s%s\n' "$1" "$3"
}

storage() {
  # A network's folder may hang.
  set -- $(timeout 10 df -P -k "$images" 2>/dev/null | tail -n 1)
  [ $# -ge 4 ] || return 0
  metric private_registry_storage_size_bytes "Size of the file system of the images." " $(($2 * 1024))"
  metric private_registry_storage_available_bytes "What is free in it for the registry." " $(($4 * 1024))"
}

# When a certificate begins and when it ends: the only two times that follow each other in its DER form.
times_of() {
  sed '/-----END/,$d; /-----BEGIN/d' "$1" | base64 -d | od -An -v -tx1 | tr -d ' \n' | awk '
    function date(hex,    at, digits) {
      for (at = 6; at < length(hex) - 1; at += 2) digits = digits substr(hex, at, 1)
      if (length(digits) == 12) digits = (substr(digits, 1, 2) < "50" ? "20" : "19") digits
      return substr(digits, 1, 4) "-" substr(digits, 5, 2) "-" substr(digits, 7, 2) " " \
        substr(digits, 9, 2) ":" substr(digits, 11, 2) ":" substr(digits, 13, 2)
    }
    match($0, /30(1e|20|22)1[78]0[df](3[0-9])+5a1[78]0[df](3[0-9])+5a/) {
      times = substr($0, RSTART + 4, RLENGTH - 4)
      match(times, /5a1[78]0[df]/)
      print date(substr(times, 1, RSTART + 1))
      print date(substr(times, RSTART + 2))
    }'
}

certificate() {
  times_of "$certificate" | {
    read -r begins && read -r ends || return 0
    metric private_registry_certificate_begin_timestamp_seconds "When the certificate begins." \
      " $(date -u -d "$begins" +%s)"
    metric private_registry_certificate_end_timestamp_seconds "When the certificate ends." \
      " $(date -u -d "$ends" +%s)"
  }
}

collection() {
  last=$(date -r "$run/collected" +%s 2>/dev/null || echo "$started")
  metric private_registry_collection_timestamp_seconds \
    "When images were last collected, or when this container started." " $last"
}

# A byte for each. What is moved away may still get those for which nginx has it open: it is counted for good in the
# next turn.
failed_logins() {
  [ ! -e "$logins/moved" ] || failed=$((failed + $(wc -c < "$logins/moved")))
  rm -f "$logins/moved"
  mv "$logins"/at-* "$logins/moved" 2>/dev/null || : > "$logins/moved"
  metric private_registry_failed_logins_total "Wrong passwords, for whatever account." \
    " $((failed + $(wc -c < "$logins/moved")))"
}

# The last report of each; before the first one it is as old as the container. Nginx appends to the same file.
proofs() {
  known=$(for name; do echo "$name $started"; done)
  last=$({ echo "$known"; cat "$run/reports"; } | awk '
    { sub(/[.].*/, "", $2) }
    NR <= number || $1 in last { last[$1] = $2 }
    END { for (name in last) print name, last[name] }' "number=$#" -)
  echo "$last" > "$run/reports"
  metric private_registry_proof_timestamp_seconds "When a proof last pulled its image." \
    "$(echo "$last" | sed -E 's/^(.*) (.*)$/{proof="\1"} \2/; 2,$ s/^/private_registry_proof_timestamp_seconds/')"
}

write() {
  {
    [ -z "$images" ] || storage
    [ -z "$certificate" ] || certificate
    [ -z "$collects" ] || collection
    [ -z "$logins" ] || failed_logins
    [ $# = 0 ] || proofs "$@"
    echo '<!--# include virtual="/registry" -->'
  } > "$run/metrics.new"
  mv "$run/metrics.new" "$run/metrics"
}

# Until nginx runs. The first process of a container is not even ended by a signal that it does not take.
trap 'exit 0' TERM QUIT INT
mkdir -p "$run/temporary"
touch "$run/reports"
configuration "$@" > "$run/nginx.conf"
write "$@"
nginx -e stderr -c "$run/nginx.conf" &
server=$!
trap 'kill -QUIT "$server"' TERM QUIT INT
(while sleep 15; do write "$@"; done) &
writer=$!

ended
kill "$writer" 2>/dev/null
exit "$code"
