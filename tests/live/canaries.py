"""Looking for secrets where none may be: the forms that a text takes on its way, and where they turn up."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Canary:
    """A secret text that is found again wherever it went."""

    name: str
    text: str
    core: str = ""
    """A part of it, long and of letters and digits only, which every way of escaping leaves as it is."""

    def forms(self) -> set[bytes]:
        """The bytes to look for: as it is, escaped, in base64 at each alignment, in hexadecimal."""
        in_json = json.dumps(self.text)[1:-1]
        as_go = in_json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        texts = {
            self.text,
            in_json,
            as_go,
            json.dumps(self.text, ensure_ascii=False)[1:-1],
            json.dumps(in_json)[1:-1],
        }
        texts |= {quote(self.text, safe=""), quote_plus(self.text), repr(self.text)[1:-1]}
        texts |= {self.core} - {""}
        forms: set[bytes] = set()
        for raw in (text.encode() for text in texts):
            forms |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
            for offset in range(3):
                forms |= {_inner_base64(raw, offset), _inner_base64(raw, offset).translate(_URL_SAFE)}
        return forms


def key_canaries(name: str, pem: str) -> list[Canary]:
    """An EC private key in PEM, as `name`; each of its lines that holds a part of the secret; and its number.

    The last line holds nothing but the public key, which may be in the certificate line for line.
    """
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value
    lines = [line for line in pem.splitlines() if not line.startswith("-----")]
    secret = number.to_bytes(key.key_size // 8, "big")
    begin = base64.b64decode("".join(lines)).index(secret)
    canaries = [Canary(name, pem), Canary(f"{name}, as hexadecimal", secret.hex())]
    position = 0
    for count, line in enumerate(lines, 1):
        end = position + len(base64.b64decode(line))
        if position < begin + len(secret) and begin < end:
            canaries.append(Canary(f"{name}, line {count}", line))
        position = end
    assert len(canaries) == 4, "two lines of three hold the secret of a key on P-256"
    return canaries


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _inner_base64(raw: bytes, offset: int) -> bytes:
    """The characters of base64 that depend on `raw` alone, when `offset` bytes stand before it in its group."""
    whole = base64.b64encode(b"\0" * offset + raw)
    return whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


class Hunt:
    """A search for several canaries at once."""

    def __init__(self, *canaries: Canary) -> None:
        self._forms = {canary.name: canary.forms() for canary in canaries}

    def names(self, data: bytes) -> set[str]:
        """The names of the canaries in some bytes, looked at also uncompressed and unpacked."""
        return {
            name
            for part in unpacked(data)
            for name, forms in self._forms.items()
            if any(form in part for form in forms)
        }

    def found(self, places: Mapping[str, bytes]) -> set[tuple[str, str]]:
        """Each (place, canary) that is a leak."""
        return {(place, name) for place, data in places.items() for name in self.names(data)}


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what gzip and tar archives in them hold, to any depth."""
    yield data
    if data[:2] == b"\x1f\x8b":
        try:
            yield from unpacked(gzip.decompress(data))
        except (OSError, EOFError, zlib.error):
            return
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file and (inner := file.read())[:2] == b"\x1f\x8b":
                    yield from unpacked(inner)


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by its path in it."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
    }
