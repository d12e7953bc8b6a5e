"""Which certificates made elsewhere can work: the key, the names, the time, and the way to a CA that clients trust.

Owns these rules, which are those of clients: containerd, Docker and curl. Reads no clock. A broken rule is a
`ValueError` whose text begins with "must" and never holds a key.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import Certificate, verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from .pem import PrivateKey, alternative, day

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def check_match(key: PrivateKey, chain: Sequence[Certificate]) -> None:
    """Refuse a key that is not that of the first certificate."""
    matching = [_has_key(certificate, key) for certificate in chain]
    if matching[0]:
        return
    if any(matching):
        raise ValueError(
            "must belong to the first certificate of the chain, "
            f"got the key of number {matching.index(True) + 1}, which therefore has to come first"
        )
    raise ValueError(f"must belong to the certificate of {_subject(chain[0])}, got the key of another")


def check_server(leaf: Certificate, names: Iterable[str]) -> None:
    """Refuse a certificate that is not for servers, or does not carry each of these names and IP addresses."""
    usage = _extension(leaf, x509.ExtendedKeyUsage)
    if usage and not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise ValueError("must be for servers, but its extended key usage leaves out serverAuth")
    alternatives = list(_extension(leaf, x509.SubjectAlternativeName) or ())
    # The common name is not looked at: no client of today does.
    written = [str(item.value) for item in alternatives if isinstance(item, x509.DNSName | x509.IPAddress)]
    missing = [name for name in names if not any(_covers(item, name) for item in alternatives)]
    if missing:
        wanted = " and ".join(_described(name, written) for name in missing)
        raise ValueError(f"must carry {wanted} as a subject alternative name, got {', '.join(written) or 'none'}")


def check_valid(certificate: Certificate, now: datetime) -> None:
    """Refuse a certificate that is not valid yet, or no longer."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise ValueError(f"must be valid now, {day(now)}, but ended on {day(end)}")
    if now < begin:
        raise ValueError(f"must be valid now, {day(now)}, but begins on {day(begin)}")


def check_chain(chain: Sequence[Certificate], authorities: Sequence[Certificate], name: str, now: datetime) -> None:
    """Refuse a chain that clients which trust only these authorities would not accept for a name or IP address."""
    leaf, *intermediates = chain
    if leaf in authorities:
        # A certificate that signed itself is its own authority: clients accept it, the library does not.
        return
    ca_policy, ee_policy = _policies()
    builder = verification.PolicyBuilder().store(verification.Store(list(authorities))).time(now)
    builder = builder.extension_policies(ca_policy=ca_policy, ee_policy=ee_policy)
    try:
        builder.build_server_verifier(alternative(name)).verify(leaf, intermediates)
    except verification.VerificationError as problem:
        last = _last_known(leaf, authorities, intermediates)
        # Of a missing issuer the library says only that candidates are exhausted.
        reason = str(problem) if last in authorities else _missing_issuer(last)
        raise ValueError(f"must lead to a certificate in tlsCa, but {reason}") from None


def _policies() -> tuple[verification.ExtensionPolicy, verification.ExtensionPolicy]:
    """What is asked of CAs and of the server's certificate.

    The library's own rules are those of public CAs; a private one made with `openssl req -x509` would fail them,
    though containerd, Docker and curl accept it.
    """
    either = verification.Criticality.AGNOSTIC

    def may_sign(_policy: verification.Policy, _ca: Certificate, usage: x509.KeyUsage | None) -> None:
        if usage and not usage.key_cert_sign:
            raise ValueError("an issuer may not sign certificates")

    ca, ee = (
        policy.may_be_present(x509.AuthorityKeyIdentifier, either, None).may_be_present(
            x509.SubjectKeyIdentifier, either, None
        )
        for policy in (
            verification.ExtensionPolicy.webpki_defaults_ca(),
            verification.ExtensionPolicy.webpki_defaults_ee(),
        )
    )
    ca = ca.require_present(x509.BasicConstraints, either, None).may_be_present(x509.KeyUsage, either, may_sign)
    return ca, ee


def _last_known(
    leaf: Certificate, authorities: Sequence[Certificate], intermediates: Sequence[Certificate]
) -> Certificate:
    """Follow the issuers from a certificate to an authority, or as far as they are known."""
    current, left = leaf, [*authorities, *intermediates]
    while current not in authorities:
        issuer = next((other for other in left if _issued(other, current)), None)
        if issuer is None:
            break
        left.remove(issuer)
        current = issuer
    return current


def _missing_issuer(certificate: Certificate) -> str:
    if certificate.issuer == certificate.subject:
        return f"its root {_subject(certificate)} is not there"
    issuer = certificate.issuer.rfc4514_string()
    return f'"{issuer}", which issued {_subject(certificate)}, is neither there nor in the chain'


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _extension(certificate: Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension):
        raise ValueError("must have extensions that can be read, each once") from None


def _covers(carried: x509.GeneralName, name: str) -> bool:
    """Whether clients that connect to a name accept one that is carried; `*` stands for one whole first label."""
    wanted = alternative(name)
    if isinstance(wanted, x509.IPAddress) or not isinstance(carried, x509.DNSName):
        return carried == wanted
    pattern, name = carried.value.lower(), name.lower()
    return pattern in {name, f"*.{name.partition('.')[2]}"}


def _described(name: str, written: Sequence[str]) -> str:
    if not isinstance(alternative(name), x509.IPAddress):
        return f"the DNS name {name}"
    as_text = " (which is there as a DNS name, where no client looks for it)" if name in written else ""
    return f"the IP address {name}{as_text}"


def _has_key(certificate: Certificate, key: PrivateKey) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _subject(certificate: Certificate) -> str:
    return f'"{certificate.subject.rfc4514_string()}"'
