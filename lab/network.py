"""The network of a node, and the tie between two: a veth pair that joins their bridges."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lab.topology import MEMBERS, Member
from lab.ui import LabError

_BRIDGE = "node0"
_UPLINK = "uplink"


def set_up(member: Member) -> None:
    """Give the node that this process is its name, its address and its routes."""
    subprocess.run(["hostname", member.name], check=True)
    # The hardware address is fixed: a bridge else takes one of its ports', and neighbours would remember the old.
    hardware = "02:00:" + ipaddress.IPv4Address(member.address).packed.hex(":")
    commands = [
        "link set lo up",
        # The kernel may lack dummy devices; a bridge carries the address as well, and keeps it without any port.
        f"link add {_BRIDGE} address {hardware} type bridge",
        f"addr add {member.address}/24 dev {_BRIDGE}",
        f"link set {_BRIDGE} up",
        f"route add default dev {_BRIDGE}",
        *(f"route add {other.pods} via {other.address}" for other in MEMBERS if other != member),
    ]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # A connection that a Service without Pods refuses is remembered as one that leads to no Pod, and the next from
    # the same port would be refused as well. Linux does so for two minutes, and a lab's clients share one address.
    with suppress(OSError):  # no connection tracking yet, or a sandbox that keeps its settings
        Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent").write_text("1")  # seconds
    hosts = Path("/etc/hosts").read_text().splitlines()
    kept = [line for line in hosts if not line.startswith(f"{member.address} ")]
    Path("/etc/hosts").write_text("\n".join([*kept, f"{member.address} {member.name}", ""]))


def tie(first: int, other: int, name: str) -> None:
    """Join a node to the first, where the cable's end has its name; both are given by their first process's id.

    The end of either node takes the cable with it, so this is done again when one of them was started again.
    """
    # The kernel may not yet have cleared away the cable to a node that has just ended.
    _ip(first, ["link", "delete", name], check=False)
    _ip(other, ["link", "delete", _UPLINK], check=False)
    _ip(first, ["link", "add", name, "type", "veth", "peer", "name", _UPLINK, "netns", str(other)])
    _ip(first, ["link", "set", name, "master", _BRIDGE, "up"])
    _ip(other, ["link", "set", _UPLINK, "master", _BRIDGE, "up"])


def _ip(process: int, words: Sequence[str], *, check: bool = True) -> None:
    # Not the node's PID namespace: the other node's process has an id out here only.
    command = ["nsenter", f"--target={process}", "--net", "--mount", "ip", *words]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise LabError(f"The nodes could not be tied together: `ip {' '.join(words)}`: {result.stderr.strip()}")
