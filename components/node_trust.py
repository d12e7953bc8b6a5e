"""What makes every node trust the registry: its CA, in the folders that container runtimes read at each pull.

A DaemonSet writes it on each node there is and on each that joins; nothing is restarted. It touches files of its
own only, refuses to replace another tool's, puts its own back where somebody removed them, and takes them away
when it is destroyed. It has no access to the Kubernetes API and sees no other folder of a node.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from components.labels import labels, selector
from components.settings import Settings
from components.storage import RESOURCES_OF_A_STEP

_CERTIFICATE: Final = "private-registry.crt"
_RECORD: Final = ".private-registry"
_HEADER: Final = "# Written by private-registry, which takes it away again."

_SCRIPT: Final = rf"""
set -euf
# Folders stand a line each: spaces are allowed in them.
IFS="$(printf '\n ')"; IFS="${{IFS% }}"
# A folder's record says which Pod wrote there last, and whether the folder itself is ours. The newest Pod takes
# over; one that is replaced finds another's name, and leaves the files to it.
owner() {{ head -n 1 "$1/{_RECORD}" 2>/dev/null || true; }}

# By way of a second name, so that a runtime never reads half a file.
put() {{ printf '%s\n' "$2" > "$1.new"; mv -f "$1.new" "$1"; }}

is_foreign() {{ [ -e "$1/hosts.toml" ] && [ "$(head -n 1 "$1/hosts.toml")" != "{_HEADER}" ]; }}

refuse_foreign() {{
  if is_foreign "$1"; then
    echo "${{1#/nodes}}/hosts.toml is another tool's: remove it on node $NODE, or set nodeTrust to off and have" \
      "that file trust the registry" >&2
    exit 1
  fi
}}

write() {{
  folder="$1" address="${{1##*/}}" made=found
  if [ ! -d "$folder" ]; then
    made=made
    mkdir "$folder"
  elif [ -n "$(owner "$folder")" ]; then
    made="$(sed -n 2p "$folder/{_RECORD}")"
  fi
  # Ours from here on, whatever happens.
  put "$folder/{_RECORD}" "$POD
$made"
  if [ -n "$CA" ]; then put "$folder/{_CERTIFICATE}" "$CA"; else rm -f "$folder/{_CERTIFICATE}"; fi
  case "$folder" in "/nodes$CONTAINERD/"*)
    # No host in the table: containerd would ask it first, then the server without the CA. Without the table, 1.6
    # does not read the file.
    put "$folder/hosts.toml" "{_HEADER}
server = \"$SCHEME://$address\"
${{CA:+ca = \"{_CERTIFICATE}\"}}

[host]"
  esac
}}

is_whole() {{
  [ -z "$CA" ] || [ -e "$1/{_CERTIFICATE}" ] || return 1
  case "$1" in "/nodes$CONTAINERD/"*) [ -e "$1/hosts.toml" ] ;; esac
}}

remove() {{
  for folder in $FOLDERS; do
    [ "$(owner "$folder")" = "$POD" ] || continue
    made="$(sed -n 2p "$folder/{_RECORD}")"
    rm -f "$folder/hosts.toml" "$folder/{_CERTIFICATE}" "$folder/{_RECORD}"
    [ "$made" = found ] || rmdir "$folder" 2>/dev/null || true
  done
  exit 0
}}

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
"""


class NodeTrust(pulumi.ComponentResource):
    """Nodes that trust the registry, as soon as this component is there."""

    daemon_set: kubernetes.apps.v1.DaemonSet
    """The DaemonSet, for what must wait until the nodes trust the registry."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        authorities: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        explain: pulumi.ErrorHook | None = None,
    ) -> None:
        """`authorities` is PEM; with `tls: off` there are none, and containerd is told to use plain HTTP."""
        super().__init__("private-registry:index:NodeTrust", name, None, opts)
        known = settings.certs_folders
        # Docker has no file for plain HTTP by registry.
        runtimes = [
            path for path in dict.fromkeys((known.containerd, known.docker if settings.has_own_ca else "")) if path
        ]
        folders = [f"/nodes{path}/{address}" for path in runtimes for address in settings.node_trust_addresses]
        self.daemon_set = kubernetes.apps.v1.DaemonSet(
            f"{name}-daemon",
            metadata={"namespace": settings.namespace, "labels": labels("node-trust", name)},
            spec={
                "selector": {"match_labels": selector("node-trust", name)},
                # The new Pod first, and on all nodes at once: between two Pods a node would trust nobody.
                "update_strategy": {
                    "type": "RollingUpdate",
                    "rolling_update": {"max_surge": "100%", "max_unavailable": 0},
                },
                "template": {
                    "metadata": {"labels": labels("node-trust", name)},
                    "spec": {
                        "automount_service_account_token": False,
                        "enable_service_links": False,
                        "termination_grace_period_seconds": 10,
                        # A node that is tainted, drained or short of something pulls images all the same.
                        "tolerations": [{"operator": "Exists"}],
                        "security_context": {"seccomp_profile": {"type": "RuntimeDefault"}},
                        "containers": [
                            {
                                "name": "node-trust",
                                "image": settings.image,
                                "command": ["sh", "-c", _SCRIPT],
                                "env": [
                                    {"name": "CA", "value": authorities},
                                    {"name": "CONTAINERD", "value": known.containerd},
                                    {"name": "FOLDERS", "value": "\n".join(folders)},
                                    {
                                        "name": "NODE",
                                        "value_from": {"field_ref": {"field_path": "spec.nodeName"}},
                                    },
                                    {
                                        "name": "POD",
                                        "value_from": {"field_ref": {"field_path": "metadata.uid"}},
                                    },
                                    {"name": "SCHEME", "value": "http" if settings.tls == "off" else "https"},
                                ],
                                "security_context": {
                                    "run_as_user": 0,  # the folders are root's
                                    "run_as_non_root": False,
                                    "allow_privilege_escalation": False,
                                    "read_only_root_filesystem": True,
                                    "capabilities": {"drop": ["ALL"]},
                                },
                                "resources": RESOURCES_OF_A_STEP,
                                "startup_probe": {
                                    "exec_": {"command": ["test", "-e", "/ready/yes"]},
                                    "period_seconds": 1,
                                    "failure_threshold": 60,
                                },
                                "volume_mounts": [
                                    *(
                                        {"name": f"certs-{i}", "mount_path": f"/nodes{p}"}
                                        for i, p in enumerate(runtimes)
                                    ),
                                    {"name": "ready", "mount_path": "/ready"},
                                ],
                                "termination_message_policy": "FallbackToLogsOnError",
                            }
                        ],
                        "volumes": [
                            *(
                                {"name": f"certs-{i}", "host_path": {"path": p, "type": "DirectoryOrCreate"}}
                                for i, p in enumerate(runtimes)
                            ),
                            {"name": "ready", "empty_dir": {"size_limit": "1Mi"}},
                        ],
                    },
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=settings.time_limit,
                hooks=pulumi.ResourceHookBinding(on_error=[explain]) if explain else None,
            ),
        )
        self.register_outputs({})
