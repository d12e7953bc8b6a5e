"""Which tags retention removes, and which it never does."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import pytest

from components.problems import SettingsError
from components.retention.settings import Retention
from components.stack_configuration import compose
from operations.retention import Tag, Verdict, judge, table
from operations.usage import Usage

NEEDED = {"host": "10.0.0.5", "node": "minikube", "password": "canary-canary"}
UNUSED = Usage({}, {})


def digest(number: int) -> str:
    """Give a digest."""
    return f"sha256:{number:064x}"


def tag(
    name: str, month: int | None = 1, *, number: int = 0, contents: tuple[int, ...] = (), **more: object
) -> Tag:
    """Give a tag whose image was made in a month, or at no time that it tells."""
    own = number or (month or 13)
    created = datetime.datetime(2026, month, 1, tzinfo=datetime.UTC) if month else None
    known = frozenset(map(digest, (own, *contents)))
    return Tag(
        repository=str(more.get("repository", "app")),
        name=name,
        digest=digest(own),
        contents=known,
        created=created,
        leftover=bool(more.get("leftover")),
        problem=str(more.get("problem", "")),
    )


def removed(
    *tags: Tag,
    keep: int = 2,
    repositories: tuple[str, ...] = ("*",),
    patterns: tuple[str, ...] = ("*",),
    usage: Usage = UNUSED,
) -> list[str]:
    """Give the tags that go."""
    return [
        verdict.tag.name
        for verdict in verdicts(*tags, keep=keep, repositories=repositories, patterns=patterns, usage=usage)
        if not verdict.stays
    ]


def verdicts(
    *tags: Tag,
    keep: int = 2,
    repositories: tuple[str, ...] = ("*",),
    patterns: tuple[str, ...] = ("*",),
    usage: Usage = UNUSED,
) -> list[Verdict]:
    """Judge tags."""
    retention = Retention(retention_keep=keep, retention_repositories=repositories, retention_tags=patterns)
    return judge(tags, retention, usage)


def reasons(*tags: Tag, **more: object) -> Mapping[str, str]:
    """Give the reason for each tag."""
    return {verdict.tag.name: verdict.reason for verdict in verdicts(*tags, **more)}  # type: ignore[arg-type]


def test_the_newest_stay() -> None:
    """By the time at which the image was made, whatever the tags are called."""
    assert removed(tag("z", 1), tag("a", 4), tag("m", 2), tag("b", 3)) == ["m", "z"]


def test_tags_of_one_time_are_ordered_by_name_with_numbers_as_numbers() -> None:
    """Build 10 is newer than build 9."""
    assert removed(tag("build-9"), tag("build-10"), tag("build-8")) == ["build-8"]


def test_each_repository_counts_for_itself() -> None:
    """A busy one removes nothing of a quiet one."""
    busy = [tag(f"v{month}", month) for month in range(1, 6)]
    quiet = [tag("old", 1, repository="quiet"), tag("older", 1, repository="quiet")]

    assert removed(*busy, *quiet) == ["v3", "v2", "v1"]


def test_each_pattern_counts_for_itself_and_what_no_pattern_matches_stays() -> None:
    """Builds of a day do not push the releases out."""
    tags = [tag(f"pr-{month}", month) for month in range(5, 9)]
    tags += [tag("release-1", 1), tag("release-2", 2), tag("release-3", 3), tag("latest", 1)]

    assert removed(*tags, patterns=("pr-*", "release-*")) == ["pr-6", "pr-5", "release-1"]
    assert reasons(*tags, patterns=("pr-*",))["latest"] == "no pattern of retentionTags"


def test_a_tag_that_two_patterns_match_stays_if_it_is_among_the_newest_of_one() -> None:
    """Whatever is in doubt stays."""
    tags = [tag(f"v{month}", month) for month in range(1, 6)]

    assert removed(*tags, keep=1, patterns=("*", "v2")) == ["v4", "v3", "v1"]


def test_only_repositories_that_a_pattern_matches_are_touched() -> None:
    """The star stands for a slash too."""
    tags = [tag(f"v{month}", month, repository=name) for name in ("team/a/b", "other") for month in (1, 2, 3)]
    found = verdicts(*tags, repositories=("team/*",))

    assert [(verdict.tag.repository, verdict.tag.name) for verdict in found if not verdict.stays] == [
        ("team/a/b", "v1")
    ]


def test_a_tag_whose_digest_a_pod_uses_stays_and_takes_no_place_of_the_newest() -> None:
    """However old it is."""
    tags = [tag(f"v{month}", month) for month in range(1, 6)]
    usage = Usage({digest(1): "default/web"}, {})

    assert removed(*tags, usage=usage) == ["v3", "v2"]
    assert reasons(*tags, usage=usage)["v1"] == "used by Pod default/web"


def test_an_index_stays_while_a_pod_uses_one_of_its_images() -> None:
    """A node may report the digest of its own platform's image, or of its configuration."""
    tags = [tag("v3", 3), tag("v2", 2), tag("multi", 1, contents=(77, 78))]

    assert removed(*tags) == ["multi"]
    assert removed(*tags, usage=Usage({digest(78): "default/web"}, {})) == []


def test_a_tag_that_a_waiting_pod_names_stays() -> None:
    """It has no digest yet, as in ImagePullBackOff."""
    tags = [tag(f"v{month}", month) for month in range(1, 4)]

    assert removed(*tags, usage=Usage({}, {"app:v1": "default/web"})) == []


def test_an_image_that_tells_no_time_stays_and_takes_no_place() -> None:
    """Of such images nobody knows which is the newest: paketo-buildpacks and jib write 1980 and 1970."""
    assert removed(tag("epoch", None), tag("v1", 1), tag("v2", 2), tag("v3", 3)) == ["v1"]


def test_an_image_that_cannot_be_read_stays() -> None:
    """A registry that is ill for a moment must not cost an image."""
    tags = [tag("v3", 3), tag("v2", 2), tag("ill", 1, problem="http 503")]

    assert removed(*tags) == []
    assert reasons(*tags)["ill"] == "cannot be read: http 503"


def test_signatures_go_with_the_last_tag_of_their_image() -> None:
    """And stay with any: of two tags of one image, one stays."""
    signature = tag(f"sha256-{1:064x}.sig", 1, number=91)
    referrers = tag(f"sha256-{1:064x}", 1, number=92)
    newer = [tag("v2", 2), tag("v3", 3)]

    assert set(removed(*newer, tag("v1", 1), signature, referrers)) == {"v1", referrers.name, signature.name}
    assert removed(*newer, tag("v1", 1), tag("stable", 1), signature, patterns=("v*",)) == ["v1"]


def test_signatures_of_what_has_no_tag_stay() -> None:
    """Somebody may use that by its digest; and what cannot be read may hold it."""
    signature = tag(f"sha256-{55:064x}.sig", 1, number=91)

    assert removed(tag("v1", 1), signature) == []
    assert removed(
        tag("v3", 3), tag("v2", 2), tag("v1", 1, contents=(55,)), tag("ill", 1, problem="x"), signature
    ) == ["v1"]


def test_digest_tags_take_no_place_of_the_newest() -> None:
    """Ten signatures would push ten images out."""
    signature = tag(f"sha256-{2:064x}.sig", 9, number=91)

    assert removed(signature, tag("v1", 1), tag("v2", 2)) == []


def test_what_a_removal_left_that_was_cut_off_goes_and_takes_no_place() -> None:
    """On registry 2.8, regctl puts an empty image under the tag first: it would be the newest of all."""
    left = tag("v1", 12, leftover=True)

    assert removed(left, tag("v2", 2), tag("v3", 3)) == ["v1"]
    assert removed(left, tag("v2", 2), tag("v3", 3), patterns=("other",)) == []


def test_the_table_names_each_tag_and_why() -> None:
    """A person reads it before anything is removed."""
    found = verdicts(tag("v3", 3), tag("v2", 2), tag("v1", 1), tag("epoch", None))

    assert table(found) == "\n".join(
        [
            "        REPOSITORY  TAG    MADE              DIGEST        WHY",
            "keep    app         epoch  -                 000000000000  tells no time at which it was made",
            "keep    app         v3     2026-03-01 00:00  000000000000  of the newest 2 of *",
            "keep    app         v2     2026-02-01 00:00  000000000000  of the newest 2 of *",
            "REMOVE  app         v1     2026-01-01 00:00  000000000000  older than the newest 2 of *",
        ]
    )


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"retention_keep": -1},
            (
                "retentionKeep must be the number of tags that stay, or 0 for no removal, got -1; "
                "fix: `pulumi config set retentionKeep 10`"
            ),
        ),
        (
            {"retention_keep": 10},
            (
                "retentionKeep must be 0 while deleteEnabled is false: the registry then refuses every removal; "
                "fix: `pulumi config set deleteEnabled true`"
            ),
        ),
        (
            {"retention_tags": []},
            (
                "retentionTags must hold a pattern: with none, no tag would ever be removed; "
                "fix: `pulumi config rm retentionTags`, which means all of them"
            ),
        ),
        (
            {"retention_tags": ["app:build-*"]},
            (
                "retentionTags must hold patterns of tags such as build-*, without a colon, got app:…; "
                "fix: `pulumi config rm retentionTags`, which means all of them"
            ),
        ),
        (
            {"retention_tags": ["v[12"]},
            (
                "retentionTags must hold patterns of tags such as build-*, without a colon, got v[12; "
                "fix: `pulumi config rm retentionTags`, which means all of them"
            ),
        ),
        (
            {"retention_repositories": ["Team/*"]},
            (
                "retentionRepositories must be in lower case, as repositories are, got Team/*; "
                "fix: `pulumi config rm retentionRepositories`, which means all of them"
            ),
        ),
        (
            {"retention_repositories": ["team/app:v1"]},
            (
                "retentionRepositories must hold patterns of repositories such as team/*, got team/app:v1; "
                "fix: `pulumi config rm retentionRepositories`, which means all of them"
            ),
        ),
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, object], line: str) -> None:
    """In preview, with key, value, rule and fix."""
    with pytest.raises(SettingsError) as refused:
        compose({**NEEDED, **values})

    assert [problem.replace('"', "") for problem in refused.value.problems] == [f"private-registry:{line}"]


def test_retention_is_off_by_default_and_accepted_with_removal_allowed() -> None:
    """An upgrade changes nothing."""
    assert compose(NEEDED).retention == Retention()
    assert compose(NEEDED).retention.retention_keep == 0
    made = compose({**NEEDED, "delete_enabled": True, "retention_keep": 3, "retention_tags": ["pr-*", "v[0-9]*"]})
    assert made.retention.retention_tags == ("pr-*", "v[0-9]*")
