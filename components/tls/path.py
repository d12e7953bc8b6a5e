"""The way from a server's certificate to a CA that clients trust, by the rules of Go's crypto/x509.

containerd and Docker verify by these rules. The library's own verifier follows those of public CAs, which are
stricter. Reads no clock. A broken rule is a `ValueError` whose text begins with "must".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import Certificate
from cryptography.x509.oid import SignatureAlgorithmOID as Signature

from ..pem import MAXIMUM_EXPONENT, MAXIMUM_RSA_BITS, day
from . import der
from .parsed import Parsed, parse, title

_SMALLEST_RSA_BITS: Final = 1024
_SIGNATURES: Final = {
    kind.dotted_string
    for kind in (
        Signature.RSA_WITH_SHA256,
        Signature.RSA_WITH_SHA384,
        Signature.RSA_WITH_SHA512,
        Signature.ECDSA_WITH_SHA256,
        Signature.ECDSA_WITH_SHA384,
        Signature.ECDSA_WITH_SHA512,
        Signature.ED25519,
    )
}
_PSS: Final = Signature.RSASSA_PSS.dotted_string
_PSS_SALTS: Final = {
    "2.16.840.1.101.3.4.2.1": 32,
    "2.16.840.1.101.3.4.2.2": 48,
    "2.16.840.1.101.3.4.2.3": 64,
}
"""By the hash, SHA-256 to SHA-512: the only length of salt that Go accepts with it."""

Path = tuple[Parsed, ...]
"""A certificate, its issuer, and so on."""


class AuthorityError(ValueError):
    """A rule that a CA in tlsCa breaks, so that `tlsCa` is the setting to change."""


def check_readable(chain: Sequence[Certificate]) -> None:
    """Refuse a chain with a certificate that clients cannot read: each reads all that a server sends."""
    for number, certificate in enumerate(chain, start=1):
        try:
            parse(certificate)
        except ValueError as broken:
            rule = str(broken).removeprefix("must ")
            raise ValueError(
                f"must hold certificates that clients can read, but number {number}, {title(certificate)}, "
                f"breaks a rule of theirs: it must {rule}"
            ) from None
        key = _rsa_key(certificate)
        if key and key.key_size > MAXIMUM_RSA_BITS:
            raise ValueError(
                f"must hold no RSA key of more than {MAXIMUM_RSA_BITS} bits, which clients refuse, "
                f"but that of {title(certificate)} has {key.key_size}"
            )


def check_chain(chain: Sequence[Certificate], authorities: Sequence[Certificate], now: datetime) -> None:
    """Refuse a chain that clients which trust only these authorities would not accept.

    No authorities stand for a CA that clients know by themselves: then only what the chain holds is checked.
    Raises AuthorityError if it is an authority that breaks a rule.
    """
    leaf, *intermediates = (parse(certificate) for certificate in chain)
    trusted = list(_readable(authorities))
    goal = "a certificate in tlsCa" if authorities else "a CA that clients trust"
    first: tuple[Parsed, str] | None = None
    for path in _paths((leaf,), intermediates, trusted, whole=bool(authorities)):
        broken = _broken(path, now)
        if not broken:
            return
        first = first or broken
    if first:
        certificate, reason = first
        if certificate in trusted and certificate != leaf:
            raise AuthorityError(
                f"must hold a CA for {leaf.title} that clients accept, but {certificate.title} {reason}"
            )
        raise ValueError(f"must lead to {goal}, but {certificate.title} {reason}")
    raise ValueError(f"must lead to {goal}, but {_missing(leaf, intermediates)}")


def missing_issuer(chain: Sequence[Certificate]) -> str:
    """Name the issuer of the server's certificate if the chain does not hold it, else give an empty text."""
    leaf, *others = (parse(certificate) for certificate in chain)
    if any(_issued(other, leaf) for other in (leaf, *others)):
        return ""
    return _issuer(leaf)


def signed_itself(certificate: Certificate) -> bool:
    """Whether a certificate is its own issuer, so that no CA leads to it."""
    parsed = parse(certificate)
    return _issued(parsed, parsed)


def _paths(path: Path, intermediates: list[Parsed], trusted: list[Parsed], *, whole: bool) -> Iterator[Path]:
    """Give each path to a trusted certificate; if it need not be `whole`, also each that just cannot go on."""
    last = path[-1]
    if len(path) == 1 and last in trusted:
        yield path
        return
    yield from ((*path, issuer) for issuer in trusted if _issued(issuer, last) and not _is_among(issuer, path))
    following = [other for other in intermediates if _issued(other, last) and not _is_among(other, path)]
    for issuer in following:
        yield from _paths((*path, issuer), intermediates, trusted, whole=whole)
    if not whole and not following:
        yield path


def _broken(path: Path, now: datetime) -> tuple[Parsed, str] | None:
    """Give the first certificate that breaks a rule, and how."""
    for place, certificate in enumerate(path):
        reasons = [
            *_own_reasons(certificate, now),
            *(_issuer_reasons(certificate, place, is_last=place == len(path) - 1) if place else ()),
            *(_signature_reasons(certificate) if place < len(path) - 1 else ()),
        ]
        if reasons:
            return certificate, reasons[0]
        for below in path[:place]:
            forbidden = certificate.constraints.forbidden(below.names) if certificate.constraints else ""
            if forbidden:
                return certificate, forbidden
    return None


def _own_reasons(certificate: Parsed, now: datetime) -> Iterator[str]:
    begin, end = certificate.certificate.not_valid_before_utc, certificate.certificate.not_valid_after_utc
    unknown = certificate.not_understood()
    if unknown:
        yield f"has a critical extension that clients do not understand: {', '.join(unknown)}"
    if now > end:
        yield f"ended on {day(end)}, and now is {day(now)}"
    if now < begin:
        yield f"begins on {day(begin)}, and now is {day(now)}"
    if not certificate.serves:
        yield "leaves serverAuth out of its extended key usage"


def _issuer_reasons(issuer: Parsed, place: int, *, is_last: bool) -> Iterator[str]:
    key = _rsa_key(issuer.certificate)
    # Before version 3 there was no way to say it, so such a root is a CA because it is trusted.
    if not (issuer.is_ca or (issuer.is_ca is None and issuer.version < 3 and is_last)):
        yield "is no CA: its basic constraints do not say CA:TRUE"
    if not issuer.may_sign:
        yield "may not sign certificates: its key usage leaves out keyCertSign"
    if not issuer.can_verify:
        yield "has a key of a kind that clients do not verify signatures with"
    if key and (key.key_size < _SMALLEST_RSA_BITS or key.public_numbers().e > MAXIMUM_EXPONENT):
        yield "has an RSA key that clients refuse, since it is too short or its exponent too large"
    if issuer.path_length is not None and place - 1 > issuer.path_length:
        yield f"allows {issuer.path_length} other CAs between itself and a server, but here are {place - 1}"


def _signature_reasons(certificate: Parsed) -> Iterator[str]:
    if not _is_signed_as_usual(certificate):
        try:
            hashed = certificate.certificate.signature_hash_algorithm
        except UnsupportedAlgorithm:
            hashed = None
        name = hashed.name.upper() if hashed else certificate.certificate.signature_algorithm_oid.dotted_string
        yield f"is signed with {name}, which clients do not accept"


def _is_signed_as_usual(certificate: Parsed) -> bool:
    algorithm, *parameters = der.only(certificate.signature_algorithm).parts()
    name = der.dotted(algorithm.content)
    return name in _SIGNATURES or (name == _PSS and bool(parameters) and _is_usual_pss(parameters[0]))


def _is_usual_pss(parameters: der.Element) -> bool:
    """Whether hash, mask and salt of a PSS signature fit each other as Go wants it."""
    fields = {part.tag: part.parts()[0] for part in parameters.parts()}
    try:
        hashed = der.dotted(fields[0xA0].parts()[0].content)
        masked = der.dotted(fields[0xA1].parts()[1].parts()[0].content)
        salt = int.from_bytes(fields[0xA2].content, "big")
    except (KeyError, IndexError):
        return False
    return hashed == masked and _PSS_SALTS.get(hashed) == salt


def _issued(issuer: Parsed, certificate: Parsed) -> bool:
    """Whether one has signed the other. Where clients would not look at the signature, the name is enough."""
    if issuer.subject != certificate.issuer:
        return False
    if not issuer.can_verify or not _is_signed_as_usual(certificate):
        return True
    key, signed = issuer.certificate.public_key(), certificate.certificate
    how = signed.signature_algorithm_parameters
    try:
        if isinstance(key, ed25519.Ed25519PublicKey) and how is None:
            key.verify(signed.signature, signed.tbs_certificate_bytes)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            key.verify(signed.signature, signed.tbs_certificate_bytes, how)
        elif isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.AsymmetricPadding):
            hashed = signed.signature_hash_algorithm
            assert hashed
            key.verify(signed.signature, signed.tbs_certificate_bytes, how, hashed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_among(certificate: Parsed, path: Path) -> bool:
    """Whether a path has this key under this name already, so that it would go round in a circle."""
    return any(
        (other.subject, other.public_key_info, other.names)
        == (certificate.subject, certificate.public_key_info, certificate.names)
        for other in path
    )


def _readable(certificates: Sequence[Certificate]) -> Iterator[Parsed]:
    """Clients skip an authority that they cannot read."""
    for certificate in certificates:
        try:
            yield parse(certificate)
        except ValueError:
            continue


def _missing(leaf: Parsed, intermediates: list[Parsed]) -> str:
    """Follow the issuers from a certificate as far as they are known, and say what is missing there."""
    *_, last = max(_paths((leaf,), intermediates, [], whole=False), key=len)
    if _issued(last, last):
        return f"its root {last.title} is not there"
    return f"{_issuer(last)}, which issued {last.title}, is neither there nor in the chain"


def _issuer(certificate: Parsed) -> str:
    try:
        return f'"{certificate.certificate.issuer.rfc4514_string()}"'
    except ValueError:
        return "its issuer"


def _rsa_key(certificate: Certificate) -> rsa.RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None
