"""What is worth waking somebody for, as rules of Prometheus: pure text from the settings of one registry.

Each alert ends by itself once its cause does, and says what to do. Rates are over five minutes, so that one bad
request wakes nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SPACE_LEFT: Final = 0.1
"""Share of the file system below which an upload of a large image may fail."""
_ERRORS: Final = 0.01
"""Share of requests that the registry itself fails."""
_REFUSED: Final = 0.2
"""Refused logins in a second, beyond those of good clients, which begin without an account each time."""
_LAST_PART: Final = 12
"""A certificate is renewed by `up` in the last twelfth of its life at the latest (see `tls.issuing.renewals`)."""
_COLLECTION_DAYS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One rule, and the words for who is woken; `{{ }}` in them is Prometheus' own."""

    name: str
    expression: str
    minutes: int
    """For how long it has to hold."""
    severity: str
    summary: str
    description: str

    def rule(self) -> dict[str, object]:
        """Give it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": f"{self.minutes}m",
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One registry, and what there is to watch of it."""

    namespace: str
    registry: str
    """Of its Deployment."""
    in_folder: bool
    encrypted: bool
    collects: bool
    counts_logins: bool
    """Whether a door counts wrong passwords. Without it they are estimated."""
    proof_minutes: int
    """Between two pulls of the continuing proof; 0 if there is none."""

    @property
    def service(self) -> str:
        """The Service for metrics."""
        return f"{self.registry}-metrics"

    def of(self, metric: str, matchers: str = "") -> str:
        """Give the series of a metric that are of this registry."""
        own = f'namespace="{self.namespace}",service="{self.service}"'
        return f"{metric}{{{','.join([own, *([matchers] if matchers else [])])}}}"

    def requests(self, matchers: str = "") -> str:
        """Give the requests in a second, 0 where there are none."""
        return f"(sum(rate({self.of('registry_http_requests_total', matchers)}[5m])) or vector(0))"

    @property
    def refused(self) -> str:
        """Failed logins in a second.

        Without a count: whoever may log in is refused once, without an account, and then served.
        """
        if self.counts_logins:
            return f"sum(rate({self.of('private_registry_failed_logins_total')}[5m]))"
        refused = self.requests('code="401"')
        served = self.requests('code=~"2..",handler=~"base|manifest"')
        return f"{refused} - {served}"

    @property
    def free(self) -> str:
        """Bytes that are left for images."""
        return self.of("private_registry_storage_available_bytes")

    @property
    def size(self) -> str:
        """Bytes of the file system that they are in."""
        return self.of("private_registry_storage_size_bytes")

    @property
    def end(self) -> str:
        """When the certificate ends."""
        return self.of("private_registry_certificate_end_timestamp_seconds")

    @property
    def until_end(self) -> str:
        """Seconds until then."""
        return f"min({self.end}) - time()"

    @property
    def since_collection(self) -> str:
        """Seconds since the last one."""
        return f"time() - max({self.of('private_registry_collection_timestamp_seconds')})"

    @property
    def since_proof(self) -> str:
        """Seconds since the last pull of each continuing proof."""
        return f"time() - max by (proof) ({self.of('private_registry_proof_timestamp_seconds')})"

    def alerts(self) -> Iterator[Alert]:
        """Give its alerts, those first that any registry has."""
        place = f"{self.namespace}/{self.registry}"
        logs = f"`kubectl logs --namespace {self.namespace} deployment/{self.registry} --all-containers`"
        failed = self.requests('code=~"5.."')
        yield Alert(
            name="PrivateRegistryDown",
            expression=f"absent({self.of('up')} == 1)",
            minutes=5,
            severity="critical",
            summary=f"No Pod of the registry {place} answers",
            description=f"Nobody can pull or push. See `kubectl describe pods -n {self.namespace}`, and {logs}.",
        )
        yield Alert(
            name="PrivateRegistryErrors",
            expression=f"{failed} / ({self.requests()} > 0) > {_ERRORS}",
            minutes=5,
            severity="critical",
            summary=f"The registry {place} fails {{{{ $value | humanizePercentage }}}} of its requests",
            description=f"Its storage is the usual reason; {logs} names it.",
        )
        yield Alert(
            name="PrivateRegistryFailedLogins",
            expression=f"{self.refused} > {_REFUSED}",
            minutes=5,
            severity="warning",
            summary=f"{{{{ $value | humanize }}}} logins a second fail at the registry {place}",
            description=f"Somebody guesses passwords, or a client has an old one. {logs} has their addresses.",
        )
        if self.in_folder:
            yield Alert(
                name="PrivateRegistryStorageFull",
                expression=f"min({self.free} / {self.size}) < {_SPACE_LEFT}",
                minutes=10,
                severity="critical",
                summary=f"The storage of the registry {place} has {{{{ $value | humanizePercentage }}}} left",
                description="Pushes fail once it is full. Remove old tags by `make retention`, collect what no "
                "image needs by `make collect` or collectionTime, or enlarge it.",
            )
        if self.encrypted:
            begin = self.of("private_registry_certificate_begin_timestamp_seconds")
            yield Alert(
                name="PrivateRegistryCertificateEnds",
                expression=f"{self.until_end} < min({self.end} - {begin}) / {_LAST_PART}",
                minutes=10,
                severity="critical",
                summary=f"The certificate of the registry {place} ends in {{{{ $value | humanizeDuration }}}}",
                description="Then all pulls and pushes fail. `pulumi up` renews one that is made here; one that "
                "others keep is theirs to renew.",
            )
        if self.collects:
            yield Alert(
                name="PrivateRegistryCollectionLate",
                expression=f"{self.since_collection} > {_COLLECTION_DAYS * 24 * 60 * 60}",
                minutes=10,
                severity="warning",
                summary=f"The registry {place} has not collected for {{{{ $value | humanizeDuration }}}}",
                description=f"The storage fills with what no image needs. {logs} tells how the last one ended.",
            )
        if self.proof_minutes:
            yield Alert(
                name="PrivateRegistryProofLost",
                # Two that fail, and a minute for the one that is on its way.
                expression=f"{self.since_proof} > {(2 * self.proof_minutes + 1) * 60}",
                minutes=0,
                severity="critical",
                summary=f"No pull by {{{{ $labels.proof }}}} from the registry {place} for "
                "{{ $value | humanizeDuration }}",
                description="Deployments cannot pull either. `kubectl describe pods --all-namespaces --selector "
                "app.kubernetes.io/name=proof` tells why.",
            )
