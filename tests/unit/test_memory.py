"""The registry's memory: what is refused, and that what it may have open fits into it."""

from __future__ import annotations

import pytest

from components.server.memory import bytes_of, check_memory, collected_at, open_files, pulls

MIB = 2**20


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("256Mi", 256 * MIB), ("4Gi", 4096 * MIB), ("1.5Gi", 1536 * MIB), ("300000k", 300_000_000), ("1G", 10**9)],
)
def test_quantities_are_read_as_kubernetes_does(quantity: str, number: int) -> None:
    """Powers of two with an i, powers of ten without."""
    assert bytes_of(quantity) == number


@pytest.mark.parametrize("quantity", ["", "4 Gi", "4GB", "lots", "-4Gi", "4gi", "1e9x"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    """Kubernetes would refuse it in the middle of `up`."""
    with pytest.raises(ValueError, match=r"^must be a Kubernetes quantity of memory such as 512Mi or 4Gi, got "):
        check_memory(quantity)


@pytest.mark.parametrize("quantity", ["255Mi", "64Mi", "4"])
def test_too_little_is_refused(quantity: str) -> None:
    """A number without a unit is bytes."""
    with pytest.raises(ValueError, match=f'^must be 256Mi or more, got "{quantity}"$'):
        check_memory(quantity)


@pytest.mark.parametrize("quantity", ["256Mi", "512Mi", "4Gi", "16Gi"])
def test_f19_what_may_be_open_at_a_time_fits_into_the_memory(quantity: str) -> None:
    """Each pull holds 4.3 MiB as measured; the rest is for what is not collected yet and for the kernel."""
    held, of_its_own = 43 * MIB // 10, 10
    at_a_time = open_files(quantity) - of_its_own

    assert at_a_time > pulls(quantity) > 0
    assert 42 * MIB + at_a_time * held < bytes_of(quantity) * 0.85
    assert int(collected_at(quantity)) < bytes_of(quantity)


def test_f19_the_default_is_enough_for_300_pulls_with_a_connection_each() -> None:
    """Docker opens one for each layer; each takes a file for itself."""
    assert open_files("4Gi") > 2 * 300 + 100
