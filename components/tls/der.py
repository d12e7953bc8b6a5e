"""ASN.1 in DER: the elements of a certificate, for what the library does not give or refuses to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30
_LONG_TAG: Final = 0x1F
_LONG_LENGTH: Final = 0x80


@dataclass(frozen=True, slots=True)
class Element:
    """A value with its tag."""

    tag: int
    content: bytes
    whole: bytes
    """Tag, length and content."""

    def parts(self) -> list[Element]:
        """Give the elements that the content is made of."""
        return list(elements(self.content))


def elements(der: bytes) -> Iterator[Element]:
    """Read the elements one after another. Raises ValueError for what is cut off."""
    start = 0
    while start < len(der):
        header, size = 2, _byte(der, start + 1)
        if der[start] & _LONG_TAG == _LONG_TAG:
            raise ValueError("must have tags of one byte")
        if size & _LONG_LENGTH:
            count = size ^ _LONG_LENGTH
            size = int.from_bytes(der[start + 2 : start + 2 + count], "big")
            header += count
        end = start + header + size
        if end > len(der):
            raise ValueError("must be whole, but is cut off")
        yield Element(der[start], der[start + header : end], der[start:end])
        start = end


def only(der: bytes, tag: int = SEQUENCE) -> Element:
    """Read a single element of a kind. Raises ValueError for anything else."""
    found = list(elements(der))
    if len(found) != 1 or found[0].tag != tag:
        raise ValueError("must be one element of the expected kind")
    return found[0]


def dotted(identifier: bytes) -> str:
    """Write the content of an object identifier, as in 2.5.29.17."""
    numbers, number = [], 0
    for byte in identifier:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]])) if numbers else ""


def _byte(der: bytes, index: int) -> int:
    if index >= len(der):
        raise ValueError("must be whole, but is cut off")
    return der[index]
