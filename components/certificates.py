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

from components import certificate_rules, x509
from components.problems import Place, Problems, SettingsError
from components.settings import CERTIFICATE, Settings, provided_pair


class Certificates(pulumi.ComponentResource):
    """What the registry serves TLS with, and what its clients trust. Not for `tls: off`.

    A certificate that is made here is kept, and made anew by the first `up` after its names, its CA or its lifetime
    have changed, or in the last twelfth of its life. Its CA is kept until `caGeneration` is raised; then the one
    before it stays trusted beside it. One that is made elsewhere is refused if it cannot work now, in previews too:
    with a SettingsError here, or, if it is in a Secret, with a RunError once that has been read.
    """

    certificate: pulumi.Output[str]
    """PEM of the chain, the server's own first. Public."""
    key: pulumi.Output[str]
    """PEM of the private key, PKCS #8. Secret."""
    authorities: pulumi.Output[str]
    """PEM of the CAs that nodes and engines have to trust, newest first; empty if their own are enough. Public."""
    not_after: pulumi.Output[str]
    """Day on which the certificate ends, as in 2026-01-31, in UTC. Public."""
    fingerprint: pulumi.Output[str]
    """Changes with the certificate and tells nothing of the key: the SHA-256 of `certificate`. Public."""

    def __init__(
        self, name: str, settings: Settings, now: datetime, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`name` is that of the registry's Service; `now` has a time zone."""
        super().__init__("private-registry:index:Certificates", name, None, opts)
        if settings.tls == "generated":
            pair, self.authorities = self._generated(name, settings, now)
        else:
            pair = self._from_secret(name, settings, now) if settings.tls_secret else _from_settings(settings, now)
            self.authorities = pulumi.Output.from_input(settings.tls_ca)
        self.certificate = _public(pair, "certificate")
        self.key = pair.apply(lambda value: str(value["key"]))
        self.not_after = self.certificate.apply(lambda pem: x509.not_after(pem).date().isoformat())
        self.fingerprint = self.certificate.apply(x509.fingerprint)
        self.register_outputs({"notAfter": self.not_after, "fingerprint": self.fingerprint})

    def _generated(
        self, name: str, settings: Settings, now: datetime
    ) -> tuple[pulumi.Output[Any], pulumi.Output[str]]:
        kept = pulumi.ResourceOptions(parent=self, ignore_changes=["input"])
        generation = settings.ca_generation
        authorities = [
            pulumi.Stash(f"{name}-ca-{number}", input=_secret(asdict(x509.make_ca(now))), opts=kept)
            for number in range(generation, max(generation - 2, 0), -1)
        ]
        trusted = [_public(stash.output, "certificate") for stash in authorities]
        # Counted from a day of its own: the certificate's own end is known only after it has been decided on.
        renewals = pulumi.Stash(f"{name}-renewals-since", input=now.isoformat(), opts=kept).output.apply(
            lambda anchor: x509.renewals(datetime.fromisoformat(anchor), settings.certificate_days, now)
        )
        names = x509.names_of((settings.host, settings.push_host), name, settings.namespace)
        reasons = pulumi.Output.all(
            names=list(names),
            days=settings.certificate_days,
            ca=trusted[0].apply(x509.fingerprint),
            renewals=renewals,
        )
        certificate = pulumi.Stash(
            f"{name}-certificate",
            input=_secret(authorities[0].output).apply(lambda ca: self._signed(ca, names, settings, now)),
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["input"],
                # A replaced Stash takes its input again, ignored or not.
                replacement_trigger=reasons.apply(lambda parts: json.dumps(parts, sort_keys=True)),
            ),
        )
        return _secret(certificate.output), pulumi.Output.concat(*trusted)

    def _signed(
        self, ca: Mapping[str, str], names: Sequence[str], settings: Settings, now: datetime
    ) -> dict[str, str]:
        """Make a certificate, and tell if the CA ends soon: this runs at each `up`, though mostly in vain."""
        problems, leaf = Problems(), None
        raised = f"`pulumi config set caGeneration {settings.ca_generation + 1}`"
        with problems.caught("caGeneration", raised):
            leaf = x509.make_leaf(x509.Pair(**ca), names, settings.certificate_days, now)
        _raise_late(problems)
        assert leaf
        if x509.is_ending(ca["certificate"], settings.certificate_days, now):
            end = x509.not_after(ca["certificate"]).date()
            pulumi.log.warn(
                f"private-registry:caGeneration: the CA ends on {end}, and each of its certificates with it; "
                f"before that: {raised}",
                resource=self,
            )
        return asdict(leaf)

    def _from_secret(self, name: str, settings: Settings, now: datetime) -> pulumi.Output[Any]:
        secret = kubernetes.core.v1.Secret.get(
            # Named as the setting, since the provider says of a missing Secret no more than this name and its own.
            f"{name}-tlsSecret",
            f"{settings.namespace}/{settings.tls_secret}",
            # `kubectl apply` leaves a copy of the key among the annotations.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["metadata"]),
        )
        return _secret(secret.data).apply(lambda data: _checked_data(data, settings, now))


def _from_settings(settings: Settings, now: datetime) -> pulumi.Output[Any]:
    given = x509.Pair(settings.tls_certificate, settings.tls_key)
    problems = Problems()
    _check_time(problems, given.certificate, settings, now, CERTIFICATE)
    problems.raise_any()
    return _secret(asdict(given))


def _checked_data(data: Mapping[str, str] | None, settings: Settings, now: datetime) -> dict[str, str]:
    """Check what a Secret of type kubernetes.io/tls holds."""
    which = f"{settings.namespace}/{settings.tls_secret}"
    fix = "correct the Secret (`kubectl create secret tls` makes one), or `pulumi config set tlsSecret <name>`"
    certificate, key = ((f"tlsSecret: {part} of {which}", fix) for part in ("tls.crt", "tls.key"))
    problems = Problems()
    texts = []
    for place, part in ((certificate, "tls.crt"), (key, "tls.key")):
        with problems.caught(*place):
            texts.append(_decoded(data or {}, part))
    _raise_late(problems)
    pair = provided_pair(problems, x509.Pair(*texts), settings.names_needed, certificate, key)
    _raise_late(problems)
    _check_time(problems, pair.certificate, settings, now, certificate)
    _raise_late(problems)
    return asdict(pair)


def _raise_late(problems: Problems) -> None:
    """Raise what was found wrong, in an apply: of a ValueError there, the SDK would show its own insides."""
    if problems:
        raise pulumi.RunError(str(SettingsError(problems)))


def _check_time(problems: Problems, pem: str, settings: Settings, now: datetime, place: Place) -> None:
    """Check whether clients would accept a chain at this time."""
    with problems.caught(*place):
        chain = x509.certificates(pem)
        certificate_rules.check_valid(chain[0], now)
        if settings.tls_ca:
            certificate_rules.check_chain(chain, x509.certificates(settings.tls_ca), settings.host, now)


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
