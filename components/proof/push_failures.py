"""What to do when the Docker Engine cannot push: it runs elsewhere, or does not trust the registry's certificate.

Owns the advice that goes with the Docker Engine's own error, which does not say who has to reach whom.
"""

from __future__ import annotations

import base64

import pulumi

from ..references import Address


def explain_push(name: str, address: Address, authorities: pulumi.Input[str]) -> pulumi.ErrorHook:
    """Make the hook for an image that was not pushed; it never asks for another try.

    `name` is the hook's own: each in a program needs another. `authorities` is PEM, empty if there is nothing to
    trust: the advice holds it, since a stack whose first `up` fails has no outputs.
    """

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        # The Docker Engine names the address only where the push is what failed, and not the build.
        if any(f"//{address}/" in error for error in args.errors):
            pem = await pulumi.Output.from_input(authorities).future()
            pulumi.log.error(f"{args.name}: {advice(address, pem or '')}")
        return False

    return pulumi.ErrorHook(name, explain)


def advice(address: Address, authorities: str) -> str:
    """Say what has to be so, and how to make it so."""
    reach = f"the Docker Engine, not the machine that runs pulumi, has to reach {address}"
    lines = [f"{reach}; fix: mend that, or `pulumi config set pushHost <address>`"]
    # A Docker Engine verifies no certificate of a loopback address.
    if authorities and not address.is_loopback:
        folder = f"/etc/docker/certs.d/{address}"
        # One line, since the Docker Engine indents what it prints, and an indented here-document does not end.
        content = base64.b64encode(authorities.encode()).decode()
        lines += [
            "If it names an unknown authority, type once, as root on the Docker Engine's machine:",
            f"mkdir -p {folder} && echo {content} | base64 -d > {folder}/ca.crt",
        ]
    return "\n".join(lines)
