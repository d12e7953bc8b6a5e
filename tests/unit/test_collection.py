"""When the registry collects, and with which flags."""

from typing import Any

import pytest

from components.problems import SettingsError
from components.server import collection
from components.stack_configuration import compose
from components.time_of_day import seconds_of_day

NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": "canary-canary"}
AT = {**NEEDED, "collection_time": "03:30"}
S3 = {"storage": "s3", "s3_bucket": "images", "exposure": "nodePort"}


@pytest.mark.parametrize(("time", "seconds"), [("00:00", 0), ("03:30", 12600), ("23:59", 86340)])
def test_a_time_is_one_of_the_day(time: str, seconds: int) -> None:
    """In seconds since midnight, in UTC."""
    assert seconds_of_day(time) == seconds


@pytest.mark.parametrize("time", ["24:00", "3:30", "03:60", "0330", "03:30:00", "daily", "0 3 * * *"])
def test_what_is_no_time_is_refused(time: str) -> None:
    """A schedule of cron is what people try first."""
    with pytest.raises(ValueError, match=r"^must be a time of the day in UTC such as 03:30, got "):
        seconds_of_day(time)


@pytest.mark.parametrize("image", ["registry:2", "registry:2.8.3", "registry:2.8.3@sha256:" + "1" * 64])
def test_c46_untagged_images_stay_with_versions_that_would_break_others(image: str) -> None:
    """They take the parts of a multi-platform image for untagged."""
    with pytest.raises(ValueError, match=r"^must be false with \"registry:2.*: versions before 3.0 then remove"):
        collection.check_untagged(image)


@pytest.mark.parametrize(
    "image", ["registry:3.1.2", "registry:3", "registry:latest", "registry@sha256:" + "1" * 64]
)
def test_c46_untagged_images_go_with_others(image: str) -> None:
    """A tag that tells no version stands for a new one."""
    collection.check_untagged(image)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {**NEEDED, "collection_untagged": True},
            (
                "collectionUntagged must not be set without collectionTime; fix: `pulumi config set collectionTime "
                "03:30`, or `pulumi config rm collectionUntagged`"
            ),
        ),
        (
            {**AT, **S3},
            (
                "collectionTime must not be set where several Pods may write: one would collect while others take "
                "pushes; fix: `pulumi config rm collectionTime`"
            ),
        ),
        (
            {**AT, "read_only": True},
            (
                "collectionTime must not be set while readOnly is true; fix: `pulumi config rm collectionTime`, or "
                "`pulumi config rm readOnly`"
            ),
        ),
        (
            {**AT, "collection_untagged": True, "image": "registry:2.8.3", "allow_outdated_image": True},
            (
                'collectionUntagged must be false with "registry:2.8.3": versions before 3.0 then remove the parts '
                "of multi-platform images; fix: `pulumi config rm collectionUntagged`, or a newer `image`"
            ),
        ),
    ],
)
def test_a_broken_rule_is_one_line_with_key_rule_and_fix(values: dict[str, Any], line: str) -> None:
    """Each in preview."""
    with pytest.raises(SettingsError) as refused:
        compose(values)

    assert refused.value.problems == (f"private-registry:{line}",)


def test_flags_are_those_of_the_registrys_own_command() -> None:
    """None means that layers without an image go, and nothing else."""
    assert collection.flags(report_only=False, untagged=False) == []
    assert collection.flags(report_only=True, untagged=True) == ["--dry-run", "--delete-untagged"]
