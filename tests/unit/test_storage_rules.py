"""Kinds of storage other than a folder: what each refuses, and what follows from it."""

import asyncio
from typing import Any

import pulumi
import pytest

from components.problems import SettingsError
from components.settings import Bucket, Claim, Settings
from components.stack_configuration import compose
from tests.authority import Authority

NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": "canary-canary"}
CLAIM = {**NEEDED, "storage": "claim"}
S3 = {**NEEDED, "storage": "s3", "s3_bucket": "images"}
KEY = "canary-s3-key"


def problems(values: dict[str, Any]) -> tuple[str, ...]:
    """Give the lines of what is refused."""
    with pytest.raises(SettingsError) as refused:
        compose(values)

    assert "canary" not in str(refused.value)
    return refused.value.problems


def bucket(**values: Any) -> Bucket:  # noqa: ANN401 - of any key
    """Make settings with S3 and give that section."""
    settings: Settings = compose({**S3, **values})
    assert isinstance(settings.storage, Bucket)
    return settings.storage


def there(
    size: str = "10Gi", modes: tuple[str, ...] = ("ReadWriteOnce",), storage_class: str = "fast"
) -> dict[str, Any]:
    """Give a claim as the cluster tells of it."""
    requests = {"storage": size}
    return {
        "spec": {"accessModes": list(modes), "storageClassName": storage_class, "resources": {"requests": requests}}
    }


def test_a_folder_is_the_default() -> None:
    """Stacks of before go on."""
    assert compose(NEEDED).storage.place == "minikube:/data/registry"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {**NEEDED, "storage": "nfs"},
            'storage must be hostPath, claim or s3, got "nfs"; fix: `pulumi config set storage hostPath`',
        ),
        (
            {**NEEDED, "s3_bucket": "images"},
            (
                "s3Bucket must not be set while storage is hostPath: it belongs to s3; fix: `pulumi "
                "config rm s3Bucket`, "
                "or `pulumi config set storage s3`"
            ),
        ),
        (
            {**CLAIM, "host_path": "/other"},
            (
                "hostPath must not be set while storage is claim: it belongs to hostPath; fix: "
                "`pulumi config rm hostPath`, "
                "or `pulumi config set storage hostPath`"
            ),
        ),
        (
            {**S3, "remove_data": True},
            (
                "removeData must not be set while storage is s3: it belongs to hostPath and claim; "
                "fix: `pulumi config rm "
                "removeData`, or `pulumi config set storage hostPath`"
            ),
        ),
        (
            {**CLAIM, "node": ""},
            (
                "node must be set while exposure is hostPort: host is the address of one node; fix: "
                "`pulumi config set "
                "node <name>` (`kubectl get nodes` lists names)"
            ),
        ),
        (
            {**CLAIM, "claim_size": "10 GB"},
            (
                'claimSize must be a Kubernetes quantity of storage such as 10Gi, got "10 GB"; fix: '
                "`pulumi config set "
                "claimSize 10Gi`"
            ),
        ),
        (
            {**CLAIM, "claim_size": "10"},
            'claimSize must be 1Mi or more, got "10"; fix: `pulumi config set claimSize 10Gi`',
        ),
        (
            {**CLAIM, "claim_access_mode": "ReadOnlyMany"},
            (
                "claimAccessMode must be ReadWriteOnce, ReadWriteOncePod or ReadWriteMany, got "
                '"ReadOnlyMany"; fix: '
                "`pulumi config set claimAccessMode ReadWriteOnce`"
            ),
        ),
        (
            {**CLAIM, "claim_name": "images", "claim_class": "fast"},
            (
                "claimName must not be set beside claimClass, which is for a new claim; fix: `pulumi "
                "config rm claimName` "
                "for a new claim, or remove the other"
            ),
        ),
        (
            {**CLAIM, "replicas": 2},
            (
                "replicas must be 1, got 2: a claim of access mode ReadWriteOnce has one writer at a time; "
                "claimAccessMode ReadWriteMany, or storage s3, takes more; fix: `pulumi config set replicas 1`"
            ),
        ),
        (
            {**S3, "replicas": 2},
            (
                "replicas must be 1, got 2: exposure hostPort is a port of one node, which one Pod "
                "can have; fix: `pulumi "
                "config set replicas 1`"
            ),
        ),
        (
            {**S3, "s3_bucket": ""},
            "s3Bucket must be set while storage is s3; fix: `pulumi config set s3Bucket <name>`",
        ),
        (
            {**S3, "s3_bucket": "s3://images"},
            (
                "s3Bucket must be a bucket's name, 3 to 63 characters of a-z, 0-9, hyphens and dots, "
                "without scheme, path "
                'or server, got "s3://images"; fix: `pulumi config set s3Bucket <name>`'
            ),
        ),
        (
            {**S3, "s3_endpoint": "minio.example.com:9000"},
            (
                "s3Endpoint must be a URL such as https://s3.example.com, without a path, got "
                '"minio.example.com:9000"; fix: `pulumi config set s3Endpoint https://<server>`'
            ),
        ),
        (
            {**S3, "s3_endpoint": "https://s3.example.com/images"},
            (
                "s3Endpoint must be a URL such as https://s3.example.com, without a path, got "
                '"https://s3.example.com/images"; fix: `pulumi config set s3Endpoint https://<server>`'
            ),
        ),
        (
            {**S3, "s3_endpoint": f"https://me:{KEY}@s3.example.com"},
            (
                "s3Endpoint must not hold an account or a key: these are s3AccessKey and "
                "s3SecretKey; fix: `pulumi config "
                "set s3Endpoint https://<server>`"
            ),
        ),
        (
            {**S3, "s3_prefix": "/images/"},
            (
                "s3Prefix must be a path within the bucket, without a slash at either end, got "
                '"/images/"; fix: `pulumi '
                "config set s3Prefix <folder>`"
            ),
        ),
        (
            {**S3, "s3_access_key": KEY},
            (
                "s3SecretKey must be set, since the other key is; fix: `pulumi config set --secret "
                "s3AccessKey`, and "
                "`pulumi config set --secret s3SecretKey`"
            ),
        ),
        (
            {**S3, "s3_access_key": "id", "s3_secret_key": f"{KEY}\n"},
            (
                "s3SecretKey must not begin or end with a blank or a line break; fix: `pulumi config set --secret "
                "s3AccessKey`, and `pulumi config set --secret s3SecretKey`"
            ),
        ),
        (
            {**S3, "s3_secret": "keys", "s3_access_key": "id", "s3_secret_key": KEY},
            (
                "s3Secret must not be set beside s3AccessKey and s3SecretKey; fix: `pulumi config rm "
                "s3Secret`, or both "
                "others"
            ),
        ),
        (
            {**S3, "s3_region": "eu central"},
            (
                's3Region must be a region\'s name such as eu-central-1, got "eu central"; fix: `pulumi '
                "config set s3Region us-east-1`"
            ),
        ),
    ],
)
def test_a_broken_rule_is_one_line_with_key_rule_and_fix(values: dict[str, Any], line: str) -> None:
    """Each key is checked, and by its own rule."""
    [problem] = problems(values)

    assert problem == f"private-registry:{line}"


def test_an_own_ca_needs_an_encrypted_endpoint() -> None:
    """It would be trusted for nothing."""
    authority = Authority("s3-ca").pem
    [problem] = problems({**S3, "s3_endpoint": "http://s3.example.com", "s3_ca": authority})

    assert problem.startswith("private-registry:s3Ca must not be set without an s3Endpoint that begins with https:")


def test_a_bucket_at_amazon_has_a_host_name_of_its_own() -> None:
    """And no address of a server."""
    assert bucket().driver([]) == {
        "s3": {"bucket": "images", "region": "us-east-1", "forcepathstyle": False},
        "redirect": {"disable": True},
    }


def test_a_bucket_of_another_server_is_in_its_path() -> None:
    """The keys stand as they are given, also where YAML would take them for something else."""
    storage = bucket(
        s3_endpoint="http://10.0.0.9:7070/",
        s3_prefix="a/b",
        s3_access_key="0e1",
        s3_secret_key="[ x",
        s3_redirect=True,
    )

    assert storage.secrets == ("0e1", "[ x")
    assert storage.driver(["0e1", "[ x"]) == {
        "s3": {
            "bucket": "images",
            "region": "us-east-1",
            "rootdirectory": "/a/b",
            "regionendpoint": "http://10.0.0.9:7070",
            "secure": False,
            "forcepathstyle": True,
            "accesskey": "0e1",
            "secretkey": "[ x",
        },
        "redirect": {"disable": False},
    }


def test_keys_may_be_outputs_of_another_program() -> None:
    """They are known later, and are taken as given."""

    async def another_program() -> pulumi.Output[str]:
        return pulumi.Output.secret("later")

    # An output needs a loop, which a test before this one may have closed.
    key = asyncio.run(another_program())

    assert bucket(s3_access_key="id", s3_secret_key=key).secrets == ("id", key)


def test_another_endpoint_bucket_or_prefix_is_another_place() -> None:
    """So that the proof is made anew there."""
    places = [
        bucket().place,
        bucket(s3_endpoint="https://s3.example.com").place,
        bucket(s3_prefix="a").place,
        bucket(s3_bucket="other").place,
    ]

    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("claim", "found", "text"),
    [
        (
            Claim(claim_size="5Gi"),
            there("10Gi"),
            "claimSize must not be less than claim data has, 10Gi: no volume shrinks",
        ),
        (Claim(claim_class="slow"), there(), "claimClass must be that of claim data, which never changes: fast"),
        (
            Claim(claim_class="fast"),
            {"spec": {key: value for key, value in there()["spec"].items() if key != "storageClassName"}},
            (
                "claimClass must not be set: claim data was made without a class, and never gets one; fix: `pulumi "
                "config rm claimClass`, or, while the claim is Pending, `kubectl delete pvc data --namespace "
                "images --timeout=60s`"
            ),
        ),
        (
            Claim(claim_access_mode="ReadWriteMany"),
            there(),
            "claimAccessMode must be that of claim data, which never changes: ReadWriteOnce",
        ),
        (Claim(claim_name="data"), None, 'claimName must be the name of a claim in namespace images, got "data"'),
        (
            Claim(claim_name="data", claim_access_mode="ReadWriteOncePod"),
            there(modes=("ReadWriteOnce", "ReadWriteMany")),
            "claimAccessMode must be that of claim data, which never changes: ReadWriteOnce or ReadWriteMany",
        ),
    ],
)
def test_what_a_claim_cannot_become_is_refused(claim: Claim, found: dict[str, Any] | None, text: str) -> None:
    """Kubernetes would refuse it half-way, and Pulumi would replace the claim, and with it the images."""
    with pytest.raises(pulumi.RunError) as refused:
        claim.check_there(found, "data", "images")

    assert f"private-registry:{text}" in str(refused.value)


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        (Claim(), None),
        (Claim(claim_size="20Gi"), there("10Gi")),
        (Claim(claim_size="10240Mi"), there("10Gi")),
        (Claim(claim_class="fast"), there()),
        (Claim(claim_name="data"), there("1Ti", ("ReadWriteMany", "ReadWriteOnce"))),
    ],
)
def test_a_claim_may_come_stay_and_grow(claim: Claim, found: dict[str, Any] | None) -> None:
    """A new one, the same one, a larger one, and one that somebody else has made."""
    claim.check_there(found, "data", "images")
