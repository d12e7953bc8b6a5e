"""What people type to use the registry, ready to paste into a shell. Owns the texts; no secret is in them."""

from __future__ import annotations

import shlex

from .exposure.settings import Exposure
from .references import ImageName
from .tls.settings import Tls


def commands(exposure: Exposure, tls: Tls, username: str, image: ImageName) -> dict[str, str]:
    """Give commands by purpose; each asks for the password where it needs one.

    `trust` is for a Docker Engine that no node trust reaches: as root, on its machine.
    """
    address = exposure.push_address
    tagged = image.tagged(address)
    account = shlex.quote(username)
    # The shell hands the CA on as a file that exists for this command alone.
    ca = "--cacert <(pulumi stack output ca) " if tls.has_own_ca else ""
    asked = exposure.address if address.is_loopback and not tls.carries_loopback else address
    scheme = "https" if tls.encrypted else "http"
    texts = {
        "login": f"docker login {address} --username {account}",
        "push": f"docker push {tagged}",
        "pull": f"docker pull {tagged}",
        "catalog": f"curl {ca}--user {account} {scheme}://{asked}/v2/_catalog",
    }
    if tls.has_own_ca:
        # A Docker Engine verifies no certificate of a loopback address, so one elsewhere is meant.
        folder = shlex.quote(f"/etc/docker/certs.d/{exposure.address if address.is_loopback else address}")
        texts["trust"] = f"mkdir -p {folder} && pulumi stack output ca > {folder}/ca.crt"
    return texts
