"""What has to be set up outside the program for plain HTTP: the lines to add, with the addresses filled in.

Owns these texts, and where none is needed. Changes nothing: nodes and Docker Engines belong to the operator.
"""

from ..references import Address


def warnings(pull: Address, push: Address, *, containerd_knows: bool) -> tuple[str, ...]:
    """Give a text each for the nodes that pull and the Docker Engine that pushes, except at loopback.

    `containerd_knows` is whether something else tells the nodes' containerd.
    """
    texts = []
    if not pull.is_loopback:
        texts.append(_pull(pull, containerd_knows=containerd_knows))
    if not push.is_loopback:
        texts.append(_push(push))
    return tuple(texts)


def _pull(address: Address, *, containerd_knows: bool) -> str:
    lines = [
        f"private-registry:tls is off: accounts and images travel in clear between the nodes and {address}.",
        "With Docker as the nodes' runtime, add to /etc/docker/daemon.json on each and restart Docker:",
        f'  {{"insecure-registries": ["{address}"]}}',
    ]
    if not containerd_knows:
        lines += [
            f"With containerd, write /etc/containerd/certs.d/{address}/hosts.toml on each, or set nodeTrust:",
            f'  server = "http://{address}"',
            f'  [host."http://{address}"]',
            '    capabilities = ["pull", "resolve"]',
        ]
    return "\n".join(lines)


def _push(address: Address) -> str:
    lines = [
        (
            f"private-registry:tls is off: the Docker Engine refuses to push to {address} by plain HTTP "
            "until it is told otherwise."
        ),
        "Add to its /etc/docker/daemon.json and restart it, or reach the registry through localhost:",
        f'  {{"insecure-registries": ["{address}"]}}',
    ]
    return "\n".join(lines)
