"""What people are woken for: the rules of Prometheus, which a live test has a real one answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from components.monitoring.alerts import Watched
from components.monitoring.dashboard import panels

ALL: Final = Watched(
    namespace="images",
    registry="registry",
    in_folder=True,
    encrypted=True,
    collects=True,
    counts_logins=True,
    proof_minutes=15,
)
ALWAYS: Final = {"PrivateRegistryDown", "PrivateRegistryErrors", "PrivateRegistryFailedLogins"}


def names(watched: Watched) -> set[str]:
    """Of its alerts."""
    return {alert.name for alert in watched.alerts()}


def test_there_are_alerts_for_what_there_is() -> None:
    """One for a certificate that is not served would never end, or never begin."""
    nothing = replace(ALL, in_folder=False, encrypted=False, collects=False, proof_minutes=0)

    assert names(nothing) == ALWAYS
    assert names(replace(nothing, counts_logins=False)) == ALWAYS
    assert names(replace(nothing, in_folder=True)) == ALWAYS | {"PrivateRegistryStorageFull"}
    assert names(replace(nothing, encrypted=True)) == ALWAYS | {"PrivateRegistryCertificateEnds"}
    assert names(replace(nothing, collects=True)) == ALWAYS | {"PrivateRegistryCollectionLate"}
    assert names(replace(nothing, proof_minutes=1)) == ALWAYS | {"PrivateRegistryProofLost"}


def test_each_series_is_that_of_one_registry() -> None:
    """A Prometheus may watch several."""
    for watched in (ALL, replace(ALL, counts_logins=False)):
        texts = [alert.expression for alert in watched.alerts()]
        texts += [query for panel in panels(watched) for query in panel.queries.values()]
        for text in texts:
            assert text.count("{") == text.count('{namespace="images",service="registry-metrics"') > 0


@pytest.mark.parametrize(
    ("counts", "metric", "other"),
    [
        (True, "private_registry_failed_logins_total", "registry_http_requests_total"),
        (False, "registry_http_requests_total", "private_registry_failed_logins_total"),
    ],
    ids=["with a door", "without"],
)
def test_failed_logins_are_counted_where_a_door_knows_them(*, counts: bool, metric: str, other: str) -> None:
    """Alert and graph ask the same; the registry's own numbers hide few guesses among many clients."""
    watched = replace(ALL, counts_logins=counts)
    [alert] = [alert for alert in watched.alerts() if alert.name == "PrivateRegistryFailedLogins"]
    [query] = [query for panel in panels(watched) if "logins" in panel.title for query in panel.queries.values()]

    assert alert.expression == f"{query} > 0.2"
    assert f"{metric}{{" in query
    assert other not in query


def test_each_alert_names_the_registry_and_a_next_step() -> None:
    """Whoever is woken knows neither."""
    for alert in ALL.alerts():
        assert "images/registry" in alert.summary
        assert "`" in alert.description
        assert alert.severity in {"critical", "warning"}


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 180), (15, 1860)])
def test_two_lost_pulls_are_an_alert(minutes: int, seconds: int) -> None:
    """One may be bad luck."""
    [lost] = [alert for alert in replace(ALL, proof_minutes=minutes).alerts() if "Proof" in alert.name]

    assert lost.expression.endswith(f"> {seconds}")
