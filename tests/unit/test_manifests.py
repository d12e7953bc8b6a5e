"""What is read from manifests and configurations."""

import datetime
import json
from typing import Any

import pytest

from operations.manifests import Blob, Manifest, created, digest_of, is_leftover, subject_of

DIGEST = f"sha256:{'1' * 64}"
OTHER = f"sha256:{'2' * 64}"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": DIGEST, "size": 2}


def read(content: dict[str, Any], **more: str) -> Manifest:
    """Read a manifest."""
    return Manifest.read(json.dumps(content).encode(), **more)


def test_an_image_names_its_configuration_and_layers() -> None:
    """Each once."""
    layer = {"mediaType": "x", "digest": OTHER, "size": 3}
    manifest = read({"mediaType": IMAGE, "config": CONFIG, "layers": [layer, layer]})

    assert manifest.blobs == (Blob(DIGEST, 2), Blob(OTHER, 3))
    assert manifest.config == Blob(DIGEST, 2)
    assert manifest.digest == digest_of(manifest.body)


def test_an_index_names_its_images() -> None:
    """Of all platforms, and of attestations."""
    manifest = read({"manifests": [{"digest": DIGEST, "size": 1}, {"digest": OTHER, "size": 1}]})

    assert manifest.children == (DIGEST, OTHER)
    assert manifest.media_type == "application/vnd.oci.image.index.v1+json"


def test_the_type_that_the_registry_gives_counts_where_the_manifest_has_none() -> None:
    """OCI allows to leave it out."""
    assert read({"config": CONFIG, "layers": []}, media_type=IMAGE).media_type == IMAGE


def test_layers_that_are_elsewhere_are_left_out() -> None:
    """No registry has those of Windows' base images."""
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": OTHER,
        "size": 3,
        "urls": ["https://example.com/layer"],
    }

    assert read({"mediaType": IMAGE, "config": CONFIG, "layers": [foreign]}).blobs == (Blob(DIGEST, 2),)


def test_an_artifact_has_no_configuration_that_tells_a_time() -> None:
    """Such as a signature, which names what it belongs to."""
    empty = {**CONFIG, "mediaType": "application/vnd.oci.empty.v1+json"}
    manifest = read({"mediaType": IMAGE, "config": empty, "layers": [], "subject": {"digest": OTHER}})

    assert manifest.config is None
    assert manifest.subject == OTHER


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "is no JSON"),
        (b"[]", "is no manifest"),
        (b'{"schemaVersion": 1, "fsLayers": []}', "has the media type of nothing known"),
        (b'{"manifests": [{"digest": "sha256:../../x", "size": 1}]}', "without a right digest"),
        (b'{"manifests": [{"digest": "md5:1", "size": 1}]}', "without a right digest"),
        (b'{"config": {}, "layers": []}', "without a right digest"),
    ],
)
def test_what_is_no_manifest_is_refused(body: bytes, reason: str) -> None:
    """Digests become names of files."""
    with pytest.raises(ValueError, match=reason):
        Manifest.read(body)


def test_a_manifest_with_another_content_than_its_digest_names_is_refused() -> None:
    """One byte is enough."""
    body = json.dumps({"config": CONFIG, "layers": []}).encode()

    assert Manifest.read(body, digest=digest_of(body)).body == body
    with pytest.raises(ValueError, match="does not have the content"):
        Manifest.read(body + b" ", digest=digest_of(body))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ('{"created": "2026-01-02T03:04:05Z"}', datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        (
            '{"created": "2026-01-02T03:04:05.123456789+00:00"}',
            datetime.datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=datetime.UTC),
        ),
        ('{"created": "0001-01-01T00:00:00Z"}', None),
        ('{"created": "1970-01-01T00:00:00Z"}', None),
        ('{"created": "1980-01-01T00:00:01Z"}', None),
        ('{"created": null}', None),
        ("{}", None),
        ("no JSON", None),
    ],
)
def test_the_time_of_an_image(text: str, time: datetime.datetime | None) -> None:
    """Those of builds that give the same bytes each time tell nothing."""
    assert created(text.encode()) == time


def test_digest_tags_name_what_they_belong_to() -> None:
    """As cosign and registries without an API for referrers write them."""
    assert subject_of(f"sha256-{'1' * 64}") == DIGEST
    assert subject_of(f"sha256-{'1' * 64}.sig") == DIGEST
    assert subject_of("sha256-1") == ""
    assert subject_of("v1") == ""


def test_what_regctl_leaves_when_a_removal_is_cut_off_is_known() -> None:
    """It has the tag in its labels."""
    left = json.dumps({"config": {"Labels": {"delete-tag": "v1"}}}).encode()

    assert is_leftover(left, "v1")
    assert not is_leftover(left, "v2")
    assert not is_leftover(b'{"config": {"Labels": null}}', "v1")
