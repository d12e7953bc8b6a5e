"""PEM: how certificates and keys are read, from a setting or a file, and written.

`test_tls_verdicts` has the kinds of keys and the ways to write PEM, and what Go makes of them.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from components import pem
from components.tls import issuing
from tests.authority import NOW, ec_key, key_pem, one
from tests.certificates.odd_keys import mersenne_key

DER = serialization.Encoding.DER
NEITHER = "must be PEM, or the path of a PEM file"


@pytest.fixture(scope="module")
def ca() -> pem.Pair:
    """Make a CA."""
    return issuing.make_ca(NOW)


@pytest.fixture(scope="module")
def leaf(ca: pem.Pair) -> pem.Pair:
    """Make a certificate."""
    return issuing.make_leaf(ca, ["registry.test"], 365, NOW)


def test_content_is_itself_and_a_path_is_read(
    tmp_path: Path, ca: pem.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also below the home folder."""
    (tmp_path / "ca.crt").write_text(ca.certificate)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert pem.is_content(ca.certificate) and not pem.is_content("~/ca.crt")
    for text in (ca.certificate, str(tmp_path / "ca.crt"), "~/ca.crt"):
        assert pem.read(text) == ca.certificate


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("canary", "No such file or directory"),
        ("canary" * 1000, "File name too long"),
        ("canary\0", "not a path"),
        ("~canary/key", "not a path"),
        ("/", "Is a directory"),
    ],
)
def test_what_cannot_be_read_is_not_echoed(text: str, reason: str) -> None:
    """It may be a key that has lost its first line."""
    with pytest.raises(ValueError, match=f"^{NEITHER}; as a path: {reason}$"):
        pem.read(text)


def without_first_and_last_line(text: str) -> str:
    """Cut a key as a careless copy does."""
    return "\n".join(text.splitlines()[1:-1])


@pytest.mark.parametrize(
    "change",
    [
        without_first_and_last_line,
        lambda text: without_first_and_last_line(text).replace("\n", ""),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.encodebytes(text.encode()).decode(),
        lambda text: "  " + base64.b64encode(text.encode()).decode() + "\n",
    ],
    ids=["no lines around", "one line", "base64 of PEM", "base64 of PEM in lines", "blanks around"],
)
@pytest.mark.parametrize("part", ["certificate", "key"])
def test_n25_base64_is_refused_as_such_and_not_echoed(
    leaf: pem.Pair, change: Callable[[str], str], part: str
) -> None:
    """It is no path, though it looks like one."""
    with pytest.raises(ValueError, match=f"^{NEITHER}, got base64 without its -----BEGIN line$"):
        pem.read(change(getattr(leaf, part)))


def in_der(pair: pem.Pair) -> list[bytes]:
    """Give a certificate and its key in DER."""
    key = pem.private_key(pair.key)
    return [
        one(pair).public_bytes(DER),
        key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_n25_file_in_der_is_refused_with_the_way_to_convert_it(tmp_path: Path, leaf: pem.Pair, number: int) -> None:
    """A certificate or a key."""
    file = tmp_path / "file.der"
    file.write_bytes(in_der(leaf)[number])
    rule = (
        f"{NEITHER}, got DER: convert it with `openssl x509 -inform der -in <file>`, "
        "or a key with `openssl pkey -inform der -in <file>`"
    )

    with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
        pem.read(str(file))


def test_n25_file_in_pkcs_12_is_refused_with_the_way_to_convert_it(tmp_path: Path, leaf: pem.Pair) -> None:
    """As Windows exports it, with or without a passphrase."""
    file = tmp_path / "file.pfx"
    key = pem.private_key(leaf.key)
    rule = (
        f"{NEITHER}, got PKCS #12: convert it with `openssl pkcs12 -nodes -in <file>`, "
        "and set certificates and key apart"
    )
    for encryption in (serialization.NoEncryption(), serialization.BestAvailableEncryption(b"x")):
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"x", key, one(leaf), None, encryption))
        with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
            pem.read(str(file))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_n25_file_is_read_in_the_encodings_that_editors_write(
    tmp_path: Path, leaf: pem.Pair, encoding: str
) -> None:
    """PowerShell writes UTF-16; comments in Latin-1 do no harm."""
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    for text in (leaf.certificate, leaf.key):
        (tmp_path / "file.pem").write_bytes(f"{mark}subject=O = Müller\r\n{text}".encode(encoding))
        read = pem.read(str(tmp_path / "file.pem"))
        if text == leaf.certificate:
            assert pem.to_pem(pem.certificates(read)) == text
        else:
            assert pem.key_to_pem(pem.private_key(read)) == text


def test_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """Its content is not shown."""
    (tmp_path / "file").write_bytes(b"\x7fELF\xff\0canary")

    with pytest.raises(ValueError) as refused:
        pem.certificates(pem.read(str(tmp_path / "file")))
    assert str(refused.value) == (
        "must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----), "
        "got text without a whole block of PEM"
    )


def test_comments_between_certificates_are_dropped(ca: pem.Pair, leaf: pem.Pair) -> None:
    """What tools write there is no change of the certificate."""
    text = f"subject=CN=x\r\n{leaf.certificate}\n\n# root\n{ca.certificate}"

    assert pem.to_pem(pem.certificates(text)) == leaf.certificate + ca.certificate


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", ", got text without a whole block of PEM"),
        ("-----BEGIN CERTIFICATE-----", ", got text without a whole block of PEM"),
        ("\ud800", ", got text without a whole block of PEM"),
        ("-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----", ", got X509 CRL"),
    ],
)
def test_text_that_holds_no_certificate_is_refused(text: str, got: str) -> None:
    """With what it holds, as far as its labels say."""
    rule = f"must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----){got}"
    with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
        pem.certificates(text)


def test_block_that_is_no_certificate_is_refused_by_its_number(leaf: pem.Pair) -> None:
    """Be it no base64, or base64 of something else."""
    for content in ("canary", "Y2FuYXJ5", "?"):
        block = f"-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n"
        with pytest.raises(ValueError, match=r"^must be one or more certificates in PEM, but number 2 is broken$"):
            pem.certificates(leaf.certificate + block)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_ec_keys_are_read_in_both_forms(curve: ec.EllipticCurve, form: serialization.PrivateFormat) -> None:
    """And written in one."""
    key = ec_key(curve)

    assert pem.key_to_pem(pem.private_key(key_pem(key, form))) == key_pem(key)


@pytest.mark.skipif(not shutil.which("openssl"), reason="it is the tool that writes keys in this way")
@pytest.mark.parametrize("form", ["named_curve", "explicit"])
def test_ec_key_after_its_parameters_is_read(form: str) -> None:
    """As `openssl ecparam -genkey` writes them; what is written for the registry has the curve's name."""
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-param_enc", form]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert text.startswith("-----BEGIN EC PARAMETERS-----")
    assert len(pem.key_to_pem(pem.private_key(text))) == len(key_pem(ec_key()))


def test_rsa_key_of_2048_bits_is_read() -> None:
    """The least there is."""
    key = rsa.generate_private_key(65537, 2048)

    assert pem.key_to_pem(pem.private_key(key_pem(key))) == key_pem(key)


def test_rsa_key_whose_numbers_do_not_belong_together_is_refused() -> None:
    """The registry would not load it."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p,
        numbers.q,
        numbers.d,
        numbers.dmp1 ^ 2,
        numbers.dmq1,
        numbers.iqmp,
        numbers.public_numbers,
    )
    key = wrong.private_key(unsafe_skip_rsa_key_validation=True)

    with pytest.raises(ValueError, match=r"^must be a private key that can be read, whole and "):
        pem.private_key(key_pem(key))


def test_long_key_is_refused_at_once() -> None:
    """A test of its primes would take a minute."""
    text = key_pem(mersenne_key())
    start = time.process_time()

    with pytest.raises(ValueError, match=r" got RSA of 8676 bits$"):
        pem.private_key(text)
    assert time.process_time() - start < 1


def test_no_key_is_shown(leaf: pem.Pair) -> None:
    """Neither of a pair nor of what was read of it."""
    secret = leaf.key.splitlines()[1:3]
    shown = [repr(leaf), *map(repr, pem._blocks(leaf.certificate + leaf.key))]

    assert len(shown) == 3
    assert not [line for line in secret if any(line in text for text in shown)]


def test_fingerprint_is_that_of_the_text(leaf: pem.Pair, ca: pem.Pair) -> None:
    """The same for the same, another for another."""
    assert pem.fingerprint(leaf.certificate) == pem.fingerprint(pem.to_pem([one(leaf)]))
    assert len({pem.fingerprint(text) for text in (leaf.certificate, ca.certificate)}) == 2
    assert re.fullmatch("[0-9a-f]{64}", pem.fingerprint(leaf.certificate))
