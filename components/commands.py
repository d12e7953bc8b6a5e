"""What people type to use the registry, ready to paste into a shell. Owns the texts; no secret is in them."""

from __future__ import annotations

import shlex

from components.settings import Settings


def commands(settings: Settings) -> dict[str, str]:
    """Give commands by purpose; each asks for the password where it needs one.

    `trust` is for a Docker Engine that no node trust reaches: as root, on its machine.
    """
    image, address = settings.proof_image.tagged(settings.push_address), settings.push_address
    account = shlex.quote(settings.username)
    # The shell hands the CA on as a file that exists for this command alone.
    ca = "--cacert <(pulumi stack output ca) " if settings.has_own_ca else ""
    # A certificate that is made elsewhere need not carry a loopback address.
    asked = settings.address if settings.tls == "provided" and address.is_loopback else address
    scheme = "http" if settings.tls == "off" else "https"
    texts = {
        "login": f"docker login {address} --username {account}",
        "push": f"docker push {image}",
        "pull": f"docker pull {image}",
        "catalog": f"curl {ca}--user {account} {scheme}://{asked}/v2/_catalog",
    }
    if settings.has_own_ca:
        # An engine verifies no certificate of a loopback address, so that one elsewhere is meant.
        folder = shlex.quote(f"/etc/docker/certs.d/{settings.address if address.is_loopback else address}")
        texts["trust"] = f"mkdir -p {folder} && pulumi stack output ca > {folder}/ca.crt"
    return texts
