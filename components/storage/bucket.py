"""The images in a bucket of an S3-compatible server: its rules, and how the registry is told of it."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from .. import pem
from ..cluster.labels import NAME_OF_NAMESPACE
from ..cluster.names import check_object_name
from ..problems import Problems
from ..sections import SecretText, config_set, is_known
from ..shown import shown
from .store import AT_A_PORT_OF_ITS_NODE, Store

if TYPE_CHECKING:
    # The SDK is loaded while the providers start, and they need the settings first.
    from pulumi_kubernetes.core.v1 import EnvVarArgsDict
    from pulumi_kubernetes.networking.v1 import (
        NetworkPolicyEgressRuleArgsDict,
        NetworkPolicyPeerArgsDict,
        NetworkPolicyPortArgsDict,
    )

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_LIKE: Final = "a URL such as https://s3.example.com"
_SERVICE: Final = re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?")
"""The name of a Service in the cluster, and its namespace."""
_DNS: Final = 53
_CA_FILE: Final = "s3-ca.crt"
_VARIABLES: Final = {"AWS_ACCESS_KEY_ID": "accessKey", "AWS_SECRET_ACCESS_KEY": "secretKey"}
"""What the registry's S3 client reads, and the keys of a Secret that holds it."""

_KEYS: Final = "`pulumi config set --secret s3AccessKey`, and `pulumi config set --secret s3SecretKey`"


@dataclass(frozen=True, kw_only=True)
class Bucket(Store):
    """A bucket, with keys, with a Secret that has them, or with none where the Pod's own identity serves."""

    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_endpoint: str = ""
    s3_prefix: str = ""
    s3_access_key: SecretText = field(default="", repr=False)
    s3_secret_key: SecretText = field(default="", repr=False)
    s3_secret: str = ""
    s3_ca: str = field(default="", repr=False)
    s3_redirect: bool = False

    is_shared: ClassVar = True

    def check(self, problems: Problems, *, needs_node: bool) -> None:
        """Report what cannot work. With `needs_node`, clients reach the registry at a port of one node."""
        self.check_node(problems, AT_A_PORT_OF_ITS_NODE if needs_node else "")
        with problems.caught("s3Bucket", config_set("s3Bucket <name>")):
            if not self.s3_bucket:
                raise ValueError("must be set while storage is s3")
            if not _BUCKET.fullmatch(self.s3_bucket):
                raise ValueError(
                    "must be a bucket's name, 3 to 63 characters of a-z, 0-9, hyphens and dots, without scheme, "
                    f"path or server, got {shown(self.s3_bucket)}"
                )
        with problems.caught("s3Region", config_set("s3Region us-east-1")):
            if not _REGION.fullmatch(self.s3_region):
                raise ValueError(f"must be a region's name such as eu-central-1, got {shown(self.s3_region)}")
        with problems.caught("s3Endpoint", config_set("s3Endpoint https://<server>")):
            self._check_endpoint()
        with problems.caught("s3Prefix", config_set("s3Prefix <folder>")):
            if self.s3_prefix and not re.fullmatch(r"[\w!.*'()-]+(/[\w!.*'()-]+)*", self.s3_prefix, re.ASCII):
                raise ValueError(
                    f"must be a path within the bucket, without a slash at either end, got {shown(self.s3_prefix)}"
                )
        self._check_keys(problems)
        with problems.caught("s3Ca", f"{config_set('s3Ca <file>')}, or `pulumi config rm s3Ca` for a public CA"):
            if self.s3_ca and not self.s3_endpoint.startswith("https:"):
                raise ValueError("must not be set without an s3Endpoint that begins with https:")
            _ = self.authorities

    def _check_endpoint(self) -> None:
        if not self.s3_endpoint:
            return
        try:
            parts = urlsplit(self.s3_endpoint)
            port = parts.port
        except ValueError:
            raise ValueError(
                f"must be a URL such as https://s3.example.com, got {shown(self.s3_endpoint)}"
            ) from None
        if parts.username or parts.password:
            raise ValueError("must not hold an account or a key: these are s3AccessKey and s3SecretKey")
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or port == 0
            or parts.path not in {"", "/"}
            or parts.query
            or parts.fragment
        ):
            raise ValueError(f"must be {_LIKE}, without a path, got {shown(self.s3_endpoint)}")

    def _check_keys(self, problems: Problems) -> None:
        with problems.caught("s3Secret", config_set("s3Secret <name>")):
            if self.s3_secret:
                check_object_name(self.s3_secret)
        with problems.caught("s3Secret", "`pulumi config rm s3Secret`, or both others"):
            if self.s3_secret and self._has_keys:
                raise ValueError("must not be set beside s3AccessKey and s3SecretKey")
        for key, value, other in (
            ("s3AccessKey", self.s3_access_key, self.s3_secret_key),
            ("s3SecretKey", self.s3_secret_key, self.s3_access_key),
        ):
            with problems.caught(key, _KEYS):
                if other and not value:
                    raise ValueError("must be set, since the other key is")
                if is_known(value) and value.strip() != value:
                    raise ValueError("must not begin or end with a blank or a line break")

    @property
    def _has_keys(self) -> bool:
        return bool(self.s3_access_key) or bool(self.s3_secret_key)

    @cached_property
    def authorities(self) -> str:
        """PEM of the CAs of the S3 server, in one spelling; empty if those of the registry's image are enough."""
        return pem.to_pem(pem.certificates(pem.read(self.s3_ca))) if self.s3_ca else ""

    @property
    def secrets(self) -> tuple[SecretText, ...]:
        """What `driver` needs and nobody else may see."""
        return (self.s3_access_key, self.s3_secret_key) if self._has_keys else ()

    @property
    def place(self) -> str:
        """Where the images are. Another place has other images, or none."""
        return "/".join(part for part in ("s3:", self.s3_endpoint, self.s3_bucket, self.s3_prefix) if part)

    @property
    def egress(self) -> "list[NetworkPolicyEgressRuleArgsDict]":
        """The S3 server, and the name servers. Where the server is known by name alone, its port anywhere."""
        server = urlsplit(self.s3_endpoint or "https://s3.amazonaws.com")
        host, port = str(server.hostname), server.port or {"http": 80, "https": 443}[server.scheme]
        names: NetworkPolicyEgressRuleArgsDict = {
            "ports": [{"protocol": protocol, "port": _DNS} for protocol in ("UDP", "TCP")]
        }
        if in_cluster := _SERVICE.fullmatch(host):
            # Behind a Service, what counts is the Pod's port.
            namespace: Mapping[str, str] = {NAME_OF_NAMESPACE: in_cluster[1]}
            return [{"to": [{"namespace_selector": {"match_labels": namespace}}]}, names]
        ports: list[NetworkPolicyPortArgsDict] = [{"protocol": "TCP", "port": port}]
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return [{"ports": ports}, names]
        # The address of a Service leads to Pods, and what counts is theirs.
        pods: list[NetworkPolicyPeerArgsDict] = [{"namespace_selector": {}}] if address.is_private else []
        return [{"to": [{"ip_block": {"cidr": f"{address}/{address.max_prefixlen}"}}, *pods], "ports": ports}]

    @property
    def environment(self) -> "tuple[EnvVarArgsDict, ...]":
        """Variables of the registry's container."""
        if not self.s3_secret:
            return ()
        return tuple(
            {"name": name, "value_from": {"secret_key_ref": {"name": self.s3_secret, "key": key}}}
            for name, key in _VARIABLES.items()
        )

    @property
    def files(self) -> Mapping[str, str]:
        """Files in the folder of the registry's configuration, in which its TLS looks for CAs too."""
        return {_CA_FILE: self.authorities} if self.authorities else {}

    def driver(self, secrets: Sequence[str]) -> dict[str, object]:
        """Give its part of the registry's configuration. It holds the keys and so is a secret."""
        s3: dict[str, object] = {"bucket": self.s3_bucket, "region": self.s3_region}
        if self.s3_prefix:
            s3["rootdirectory"] = f"/{self.s3_prefix}"
        if self.s3_endpoint:
            s3["regionendpoint"] = self.s3_endpoint.rstrip("/")
            s3["secure"] = self.s3_endpoint.startswith("https:")
        # Version 3 takes the path style for every server, and 2.8 for each that is named: a bucket's own host name
        # exists with few servers but Amazon's.
        s3["forcepathstyle"] = bool(self.s3_endpoint)
        if secrets:
            s3["accesskey"], s3["secretkey"] = secrets
        # The address by which the registry reaches the server need not be one that nodes reach.
        return {"s3": s3, "redirect": {"disable": not self.s3_redirect}}
