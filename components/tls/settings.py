"""The kinds of TLS, a type each: what belongs to one kind cannot be set for another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Final

from cryptography.x509 import Certificate

from .. import pem
from ..cluster.names import check_object_name
from ..exposure.settings import Exposure
from ..pem import Pair
from ..problems import Place, Problems
from ..sections import SecretText, config_set, is_known, listed
from ..shown import shown
from ..time_of_day import seconds_of_day
from . import issuing, path, rules
from .parsed import title

_CERTIFICATE: Final[Place] = ("tlsCertificate", config_set("tlsCertificate <file>"))
_CA: Final[Place] = ("tlsCa", f"{config_set('tlsCa <file>')}, or `pulumi config rm tlsCa` for a public CA")
_KEY: Final[Place] = (
    "tlsKey",
    "`pulumi config set --secret tlsKey < key.pem`, or `pulumi config set tlsKey key.pem`",
)


_ISSUERS: Final = ("ClusterIssuer", "Issuer")


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A certificate that is made and renewed here, with a CA of its own."""

    certificate_days: int = 365
    ca_generation: int = 1

    encrypted: ClassVar = True
    has_own_ca: ClassVar = True
    """Whether clients have to be given a CA, since the certificate is of none that they know."""
    carries_loopback: ClassVar = True
    """Whether the certificate is right for loopback addresses."""

    def check(self, problems: Problems, _: Exposure) -> None:
        """Report what cannot work."""
        with problems.caught("certificateDays", config_set("certificateDays 365")):
            issuing.check_days(self.certificate_days)
        with problems.caught("caGeneration", config_set("caGeneration 1")):
            if self.ca_generation < 1:
                raise ValueError(f"must be 1 or more, got {self.ca_generation}")


@dataclass(frozen=True, kw_only=True)
class _MadeElsewhere:
    """What certificates that are not made here have in common."""

    tls_renewal_time: str = ""
    tls_ca: str = field(default="", repr=False)

    encrypted: ClassVar = True
    carries_loopback: ClassVar = False
    remedy: ClassVar[str] = (
        "correct the Secret (`kubectl create secret tls` makes one), or `pulumi config set tlsSecret <name>`"
    )
    """What puts a pair in a Secret right."""

    def _check_common(self, problems: Problems) -> None:
        fix = f"{config_set('tlsRenewalTime 03:30')}, or `pulumi config rm tlsRenewalTime` for any time"
        with problems.caught("tlsRenewalTime", fix):
            if self.tls_renewal_time:
                seconds_of_day(self.tls_renewal_time)
        with problems.caught(*_CA):
            _ = self.authorities
            with problems.caught("tlsCa", f"{config_set('tlsCa <file>')} with the CAs of this certificate alone"):
                pem.check_size(self.authorities)

    @property
    def has_own_ca(self) -> bool:
        """Whether clients have to be given a CA, since the certificate is of none that they know."""
        return bool(self.tls_ca)

    @cached_property
    def authorities(self) -> str:
        """PEM of the CAs that clients have to trust, in one spelling; empty if their own are enough."""
        return pem.to_pem(pem.certificates(pem.read(self.tls_ca))) if self.tls_ca else ""

    def checked(self, given: Pair, exposure: Exposure, now: datetime, certificate: Place, key: Place) -> Pair:
        """Give a pair in one spelling if clients would accept it now. Raises RunError.

        `certificate` and `key` are how messages call the two.
        """
        problems = Problems()
        pair = self._checked_pair(problems, given, exposure.names_needed, certificate, key)
        problems.raise_late()
        chain = pem.certificates(pair.certificate)
        authorities = pem.certificates(self.authorities) if self.tls_ca else []
        with problems.caught(*certificate):
            rules.check_valid(chain[0], now)
            try:
                path.check_chain(chain, authorities, now)
            except path.AuthorityError as broken:
                with problems.caught(*_CA):
                    raise broken from None
        problems.raise_late()
        return pair

    def doubt(self, certificate: str) -> str:
        """Say why clients may not be able to verify a chain in PEM that was not refused, or give an empty text."""
        chain = pem.certificates(certificate)
        issuer = "" if self.tls_ca else path.missing_issuer(chain)
        if not issuer:
            return ""
        return (
            f"holds no certificate of {issuer}, which issued {title(chain[0])}: clients that know only the root "
            "above it cannot verify it; fix: put the certificates between it and its root behind it into the same "
            f"file, or, if it is of a CA that nodes do not know, {config_set('tlsCa <file>')}"
        )

    def _checked_pair(
        self, problems: Problems, given: Pair, names: Iterable[str], certificate: Place, key: Place
    ) -> Pair:
        """Check a certificate made elsewhere for these names, and its key; give both in one spelling.

        What is given comes back as it was if it is wrong.
        """
        chain: list[Certificate] = []
        with problems.caught(*certificate):
            chain = pem.certificates(given.certificate)
            path.check_readable(chain)
            rules.check_server(chain[0], names)
            with problems.caught("tlsCa", f"`pulumi config set tlsCa <file>`, with the file of {certificate[0]}"):
                if not self.tls_ca and path.signed_itself(chain[0]):
                    raise ValueError(f"must be set, since {title(chain[0])} signed itself, and no client knows it")
        with problems.caught(*key):
            private_key = pem.private_key(given.key)
            if chain:
                rules.check_match(private_key, chain)
                return Pair(pem.to_pem(chain), pem.key_to_pem(private_key))
        return given


@dataclass(frozen=True, kw_only=True)
class Provided(_MadeElsewhere):
    """A certificate that is made elsewhere: as PEM or paths, or in a Secret."""

    # Not shown, since a private key may be among the certificates by mistake.
    tls_certificate: SecretText = field(default="", repr=False)
    tls_key: SecretText = field(default="", repr=False)
    tls_secret: str = ""

    def check(self, problems: Problems, exposure: Exposure) -> None:
        """Report what cannot work, except for the time, which settings do not know."""
        if self.tls_secret:
            with problems.caught("tlsSecret", config_set("tlsSecret <name>")):
                check_object_name(self.tls_secret)
            with problems.caught("tlsSecret", "`pulumi config rm tlsSecret`, or both others"):
                if self.tls_certificate or self.tls_key:
                    raise ValueError("must not be set beside tlsCertificate and tlsKey")
        else:
            self._check_pair(problems, exposure)
            with problems.caught("tlsRenewalTime", "`pulumi config rm tlsRenewalTime`"):
                if self.tls_renewal_time:
                    raise ValueError("must not be set without tlsSecret, which alone is renewed by others")
        self._check_common(problems)

    @property
    def source(self) -> str:
        """The key that says where the pair comes from."""
        return "tlsSecret" if self.tls_secret else "tlsCertificate"

    def secret_of(self, _: str) -> str:
        """Name of the Secret that others keep the pair in; empty if it is given."""
        return self.tls_secret

    def given(self, certificate: str, key: str, exposure: Exposure, now: datetime) -> Pair:
        """Give the pair of `tlsCertificate` and `tlsKey`, checked also for the time. Raises RunError."""
        problems = Problems()
        texts = self._read(problems, certificate, key)
        problems.raise_late()
        return self.checked(Pair(*texts), exposure, now, _CERTIFICATE, _KEY)

    def _check_pair(self, problems: Problems, exposure: Exposure) -> None:
        texts = self._read(problems, self.tls_certificate, self.tls_key)
        if len(texts) == len((_CERTIFICATE, _KEY)):
            self._checked_pair(problems, Pair(*texts), exposure.names_needed, _CERTIFICATE, _KEY)

    def _read(self, problems: Problems, certificate: SecretText, key: SecretText) -> list[str]:
        """Give the content of what is known of the two."""
        texts = []
        for value, where in ((certificate, _CERTIFICATE), (key, _KEY)):
            with problems.caught(*where):
                if is_known(value):
                    if not value:
                        raise ValueError("must be set while tls is provided, unless tlsSecret is")
                    texts.append(pem.read(value))
        return texts


@dataclass(frozen=True, kw_only=True)
class Issued(_MadeElsewhere):
    """A certificate that cert-manager has issued and renews."""

    tls_issuer: str = ""

    remedy: ClassVar = f"`kubectl describe certificate` tells what was issued, or {config_set('tlsIssuer <other>')}"

    def check(self, problems: Problems, _: Exposure) -> None:
        """Report what cannot work."""
        with problems.caught("tlsIssuer", config_set("tlsIssuer ClusterIssuer/<name>")):
            kind, slash, name = self.tls_issuer.partition("/")
            if not slash or kind not in _ISSUERS:
                raise ValueError(
                    f"must be {listed(_ISSUERS, 'or')}, a slash and a name, got {shown(self.tls_issuer)}"
                )
            check_object_name(name)
        self._check_common(problems)

    @property
    def source(self) -> str:
        """The key that says where the pair comes from."""
        return "tlsIssuer"

    @property
    def issuer(self) -> dict[str, str]:
        """Who issues it, as cert-manager is told."""
        kind, _, name = self.tls_issuer.partition("/")
        return {"group": "cert-manager.io", "kind": kind, "name": name}

    def secret_of(self, name: str) -> str:
        """Name of the Secret that cert-manager keeps the pair in, for the registry of this name."""
        return f"{name}-issued"


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Plain HTTP."""

    allow_plain_http: bool = False

    encrypted: ClassVar = False
    has_own_ca: ClassVar = False
    carries_loopback: ClassVar = True

    def check(self, problems: Problems, exposure: Exposure) -> None:
        """Report addresses at which accounts and images would travel in clear."""
        with problems.caught("tls", config_set("tls generated")):
            if any(address.is_bare for address in exposure.addresses):
                raise ValueError("must not be off at port 443, where clients speak TLS")
        remote = [str(address) for address in exposure.addresses if not address.is_loopback]
        with problems.caught("tls", f"{config_set('tls generated')}, or {config_set('allowPlainHttp true')}"):
            if remote and not self.allow_plain_http:
                raise ValueError(
                    f"must not be off for {' and '.join(remote)}: accounts and images would travel in clear, "
                    "and nodes and Docker Engines refuse plain HTTP until each is told otherwise"
                )


Tls = Generated | Provided | Issued | Plain

KINDS: Final[Mapping[str, type[Tls]]] = {
    "generated": Generated,
    "provided": Provided,
    "issued": Issued,
    "off": Plain,
}
"""By the value of the stack's key `tls`."""
