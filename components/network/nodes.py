"""Whether the networks of clients cover the nodes, which pull."""

import json
from typing import Final

import pulumi

from ..cluster.kubectl import KubectlError
from ..cluster.taints import Ask
from ..problems import Problems
from ..sections import config_set
from .settings import Network

OF_NODES: Final = ("get", "nodes", "--output=json")
"""The words by which kubectl is asked for the addresses of nodes."""


def check_nodes(network: Network, ask: Ask) -> None:
    """Refuse networks that leave out a node, whose pulls would end in a time-out. Raises RunError."""
    try:
        items = json.loads(ask(OF_NODES))["items"]
    except KubectlError as problem:
        pulumi.log.warn(f"whether networkAddresses has the addresses of all nodes was not looked up: {problem}")
        return
    problems = Problems()
    number = len(network.network_addresses)
    with problems.caught("networkAddresses", config_set(f"--path 'networkAddresses[{number}]' <their network>")):
        missing = [
            f"{item['metadata']['name']} ({address['address']})"
            for item in items
            for address in item.get("status", {}).get("addresses") or ()
            if address["type"] == "InternalIP" and not network.covers(address["address"])
        ]
        if missing:
            raise ValueError(f"must have the addresses of all nodes, which pull, got none for {', '.join(missing)}")
    problems.raise_any()
