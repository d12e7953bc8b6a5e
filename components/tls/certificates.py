"""The registry's certificate: made here and kept in the state, or made elsewhere and checked."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from cryptography import x509

from .. import pem
from ..cluster.labels import labels
from ..exposure.settings import Exposure
from ..pem import Pair
from ..problems import Problems
from ..sections import is_known
from . import issuing
from .settings import Generated, Issued, Provided


class Certificates(pulumi.ComponentResource):
    """What the registry serves TLS with, and what its clients trust. Not for plain HTTP.

    A certificate that is made here is kept, and made anew by the first `up` after its names, its CA or its lifetime
    have changed, or in the last twelfth of its life. Its CA is kept until `caGeneration` is raised; then the CA
    before it stays trusted beside it. A certificate that is made elsewhere is refused if it cannot work now, in
    previews too: here, or, if it is in a Secret or an Output, as soon as its content is known.
    """

    certificate: pulumi.Output[str]
    """PEM of the chain, the server's own first. Public."""
    key: pulumi.Output[str]
    """PEM of the private key, PKCS #8. Secret."""
    authorities: pulumi.Output[str]
    """PEM of the CAs that nodes and Docker Engines have to trust, newest first; empty if their own are enough.
    Public."""
    not_after: pulumi.Output[str]
    """Day on which the certificate ends, as in 2026-01-31, in UTC. Public."""
    secret: str
    """Name of the Secret that others keep the pair in, and renew it; empty if it is kept here."""
    renewal_time: str
    """Time of the day from which a renewed pair may be taken over; empty for any."""
    fingerprint: pulumi.Output[str]
    """Changes with the certificate and tells nothing of the key: the SHA-256 of `certificate`. Public."""

    def __init__(
        self,
        name: str,
        tls: Generated | Provided | Issued,
        exposure: Exposure,
        namespace: str,
        now: datetime,
        opts: pulumi.ResourceOptions | None = None,
        within: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`name` is that of the registry's Service, and `namespace` its namespace; `now` has a time zone.

        `within` limits how long something is waited for.
        """
        super().__init__("private-registry:index:Certificates", name, None, opts)
        self.secret = "" if isinstance(tls, Generated) else tls.secret_of(name)
        self.renewal_time = "" if isinstance(tls, Generated) else tls.tls_renewal_time
        if isinstance(tls, Generated):
            names = issuing.names_of((exposure.address.host, exposure.push_address.host), name, namespace)
            pair, self.authorities = self._generated(name, tls, names, now)
        else:
            if isinstance(tls, Issued):
                issued = self._issued(name, tls, exposure, namespace, within)
                pair = self._from_secret(name, tls, exposure, issued, now)
            elif tls.tls_secret:
                pair = self._from_secret(name, tls, exposure, f"{namespace}/{tls.tls_secret}", now)
            else:
                pair = _from_settings(tls, exposure, now)
            self.authorities = pulumi.Output.from_input(tls.authorities)
        self.certificate = _public(pair, "certificate")
        if not isinstance(tls, Generated):
            self.certificate.apply(lambda text: self._warn(tls, text))
        self.key = pair.apply(lambda value: str(value["key"]))
        self.not_after = self.certificate.apply(lambda text: pem.not_after(text).date().isoformat())
        self.fingerprint = self.certificate.apply(pem.fingerprint)
        self.register_outputs({"notAfter": self.not_after, "fingerprint": self.fingerprint})

    def _generated(
        self, name: str, tls: Generated, names: Sequence[str], now: datetime
    ) -> tuple[pulumi.Output[Any], pulumi.Output[str]]:
        kept = pulumi.ResourceOptions(parent=self, ignore_changes=["input"])
        generation = tls.ca_generation
        authorities = [
            pulumi.Stash(f"{name}-ca-{number}", input=_secret(asdict(issuing.make_ca(now))), opts=kept)
            for number in range(generation, max(generation - 2, 0), -1)
        ]
        trusted = [_public(stash.output, "certificate") for stash in authorities]
        # Counted from a fixed day: the trigger must be known before the certificate is.
        renewals = pulumi.Stash(f"{name}-renewals-since", input=now.isoformat(), opts=kept).output.apply(
            lambda anchor: issuing.renewals(datetime.fromisoformat(anchor), tls.certificate_days, now)
        )
        reasons = pulumi.Output.all(
            names=list(names),
            days=tls.certificate_days,
            ca=trusted[0].apply(pem.fingerprint),
            renewals=renewals,
        )
        certificate = pulumi.Stash(
            f"{name}-certificate",
            input=_secret(authorities[0].output).apply(lambda ca: self._signed(ca, names, tls, now)),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["input"],
                # A replaced Stash takes its input again, ignored or not.
                replacement_trigger=reasons.apply(lambda parts: json.dumps(parts, sort_keys=True)),
            ),
        )
        return _secret(certificate.output), pulumi.Output.concat(*trusted)

    def _signed(self, ca: Mapping[str, str], names: Sequence[str], tls: Generated, now: datetime) -> dict[str, str]:
        """Make a certificate, and warn if the CA ends soon. Runs at each `up`; the result is mostly ignored."""
        problems, leaf = Problems(), None
        raised = f"`pulumi config set caGeneration {tls.ca_generation + 1}`"
        with problems.caught("caGeneration", raised):
            leaf = issuing.make_leaf(Pair(**ca), names, tls.certificate_days, now)
        problems.raise_late()
        assert leaf
        if issuing.is_ending(ca["certificate"], tls.certificate_days, now):
            end = pem.not_after(ca["certificate"]).date()
            pulumi.log.warn(
                f"private-registry:caGeneration: the CA ends on {end}, and each of its certificates with it; "
                f"before that: {raised}",
                resource=self,
            )
        return asdict(leaf)

    def _warn(self, tls: Provided | Issued, certificate: str) -> None:
        doubt = tls.doubt(certificate)
        if doubt:
            pulumi.log.warn(f"private-registry:{tls.source} {doubt}", resource=self)

    def _issued(
        self, name: str, tls: Issued, exposure: Exposure, namespace: str, within: pulumi.ResourceOptions | None
    ) -> pulumi.Output[str]:
        """Declare what cert-manager is to issue, and give its Secret once it has."""
        names = [pem.alternative(host) for host in exposure.names_needed]
        certificate = kubernetes.apiextensions.CustomResource(
            f"{name}-issued",
            api_version="cert-manager.io/v1",
            kind="Certificate",
            metadata={
                "name": name,
                "namespace": namespace,
                "labels": labels("registry", name),
                "annotations": {"pulumi.com/waitFor": "condition=Ready"},
            },
            spec={
                "secretName": tls.secret_of(name),
                "issuerRef": tls.issuer,
                "dnsNames": [name.value for name in names if isinstance(name, x509.DNSName)],
                "ipAddresses": [str(name.value) for name in names if isinstance(name, x509.IPAddress)],
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
                "usages": ["digital signature", "server auth"],
            },
            opts=pulumi.ResourceOptions.merge(within, pulumi.ResourceOptions(parent=self)),
        )
        return certificate.urn.apply(lambda _: f"{namespace}/{tls.secret_of(name)}")

    def _from_secret(
        self, name: str, tls: Provided | Issued, exposure: Exposure, which: pulumi.Input[str], now: datetime
    ) -> pulumi.Output[Any]:
        """`which` is namespace and name."""
        secret = kubernetes.core.v1.Secret.get(
            # Named as the setting, since the provider says of a missing Secret no more than this name and its own.
            f"{name}-{tls.source}",
            which,
            # `kubectl apply` leaves a copy of the key among the annotations.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["metadata"]),
        )
        both: pulumi.Output[Any] = pulumi.Output.all(which, _secret(secret.data))
        return both.apply(lambda known: _from_data(known[1], known[0], tls, exposure, now))


def _from_settings(tls: Provided, exposure: Exposure, now: datetime) -> pulumi.Output[Any]:
    if is_known(tls.tls_certificate) and is_known(tls.tls_key):
        return _secret(asdict(tls.given(tls.tls_certificate, tls.tls_key, exposure, now)))
    return _secret([tls.tls_certificate, tls.tls_key]).apply(
        lambda texts: asdict(tls.given(texts[0], texts[1], exposure, now))
    )


def _from_data(
    data: Mapping[str, str] | None, which: str, tls: Provided | Issued, exposure: Exposure, now: datetime
) -> dict[str, str]:
    """Check what a Secret of type kubernetes.io/tls holds."""
    certificate, key = ((f"{tls.source}: {part} of {which}", tls.remedy) for part in ("tls.crt", "tls.key"))
    problems = Problems()
    texts = []
    for place, part in ((certificate, "tls.crt"), (key, "tls.key")):
        with problems.caught(*place):
            texts.append(_decoded(data or {}, part))
    problems.raise_late()
    return asdict(tls.checked(Pair(*texts), exposure, now, certificate, key))


def _decoded(data: Mapping[str, str], part: str) -> str:
    if part not in data:
        raise ValueError("must be there")
    try:
        return base64.b64decode(data[part]).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("must be PEM, got no text") from None


def _secret(value: Any) -> pulumi.Output[Any]:  # noqa: ANN401 - the SDK's own type takes no mappings
    return pulumi.Output.secret(value)


def _public(pair: pulumi.Output[Any], part: str) -> pulumi.Output[str]:
    """Take the part of a secret pair that everyone may see."""
    return pulumi.Output.unsecret(pair.apply(lambda value: str(value[part])))
