"""Rights: how they are written, what they cover, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.access.rights import Right, rights
from components.problems import SettingsError
from components.server.nginx import accounts_map, rights_map
from components.settings import Settings
from components.stack_configuration import compose

NEEDED = {"host": "10.0.0.5", "node": "node-1", "password": "long-enough-1"}


def composed(**values: Any) -> Settings:  # noqa: ANN401
    """The settings of a stack with these values."""
    return compose({**NEEDED, **values})


def refusal(**values: Any) -> str:  # noqa: ANN401
    """What is said of settings that cannot work."""
    with pytest.raises(SettingsError) as refused:
        composed(**values)
    return str(refused.value)


def test_rights_are_separated_by_commas() -> None:
    """Blanks beside them mean nothing."""
    assert rights("push team-a/*,pull base/alpine ,  catalog") == (
        Right(("pull", "push"), "team-a/*"),
        Right(("pull",), "base/alpine"),
        Right(("catalog",), ""),
    )


@pytest.mark.parametrize(
    ("text", "act", "repository", "is_covered"),
    [
        ("pull *", "pull", "team-a/app", True),
        ("pull *", "push", "team-a/app", False),
        ("push team-a/*", "push", "team-a/app/sub", True),
        ("push team-a/*", "pull", "team-a/app", True),
        ("push team-a/*", "delete", "team-a/app", False),
        ("push team-a/*", "push", "team-ab/app", False),
        ("push team-a/*", "push", "team-a", False),
        ("delete team-a/app", "delete", "team-a/app", True),
        ("delete team-a/app", "pull", "team-a/app", True),
        ("delete team-a/app", "push", "team-a/app", False),
        ("pull team-a/app", "pull", "team-a/app2", False),
        ("pull team-a/app", "pull", "team-a/app/sub", False),
        ("pull team.a", "pull", "teamxa", False),
        ("pull */base", "pull", "team-a/base", True),
        ("pull */base", "pull", "base", False),
        ("catalog", "pull", "team-a/app", False),
    ],
)
def test_a_star_stands_for_any_characters_and_nothing_else_does(
    *, text: str, act: str, repository: str, is_covered: bool
) -> None:
    """Who pushes or deletes may look first."""
    [right] = rights(text)

    assert right.covers(act, repository) is is_covered


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", 'must be rights such as "push team-a/*, pull *", separated by one comma, got none'),
        ("pull *,", 'must be rights such as "push team-a/*, pull *", separated by one comma, got none'),
        ("Push *", 'must begin with pull, push, delete or catalog, got "Push"; did you mean push?'),
        ("admin", 'must begin with pull, push, delete or catalog, got "admin"'),
        ("pull", 'must name one repository or pattern after pull, such as "pull team-a/*", got none'),
        ("pull a b", 'must name one repository or pattern after pull, such as "pull team-a/*", got 2'),
        ("catalog *", "must name no repository after catalog, which lists all of them"),
        ("pull *a*b*c*", 'must have at most 3 * in a pattern, got "*a*b*c*"'),
    ],
)
def test_what_is_no_right_is_refused_with_the_rule(text: str, rule: str) -> None:
    """And the nearest word that was meant."""
    with pytest.raises(ValueError, match=f"^{re.escape(rule)}$"):
        rights(text)


@pytest.mark.parametrize(
    "pattern",
    ["Team", "/a", "a/", "a//b", "a:1", "a@b", "a[bc]", "a?", "ä", "a" * 256, "(a|b)", "a%2Fb", '"', "$a"],
)
def test_a_pattern_has_the_letters_of_a_repository_and_stars(pattern: str) -> None:
    """No other letter means anything, and none reaches nginx."""
    with pytest.raises(ValueError, match=r"^must name repositories in lower-case letters"):
        rights(f"pull {pattern}")


def test_every_account_needs_rights_once_one_has_them() -> None:
    """Else one that was forgotten could do everything, or nothing."""
    said = refusal(users={"ci": "long-enough-1", "bee": "long-enough-1"}, rights={"ci": "push team-a/*"})

    assert 'rights must be set for each account of users, got none for "bee"' in said
    assert "`pulumi config set --path 'rights[\"bee\"]' 'push team-a/*, pull *'`" in said


CI: dict[str, Any] = {"users": {"ci": "long-enough-1"}, "rights": {"ci": "push *"}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rights": {"ghost": "pull *"}}, 'rights["ghost"] must be an account of users'),
        (
            {"username": "root", "rights": {"root": "pull *"}},
            'rights["root"] must not be set for the account of username, which may do everything',
        ),
        ({"rights": {"pull": "push *"}}, 'rights["pull"] must only pull: it is the account in the pull secret'),
        ({"rights": {"pull": "pull *, catalog"}}, 'rights["pull"] must only pull'),
        ({"username": "pull", "rights": {"pull": "pull *"}}, "username must not be pull while rights are set"),
        (
            {"pull_username": "pull-2", "rights": {"pull": "pull *"}},
            (
                'pullUsername must be an account of users, got "pull-2"; fix: `pulumi config set --secret --path '
                "'users[\"pull-2\"]'`"
            ),
        ),
        (
            {"pull_username": "ci", **CI},
            (
                'rights["ci"] must only pull: it is the account in the pull secret; fix: `pulumi config set --path '
                "'rights[\"ci\"]' 'pull *'`"
            ),
        ),
        (
            {"pull_username": "registry", "rights": {"pull": "pull *"}},
            "username must not be registry while rights are set: it may do everything",
        ),
        (
            {"pull_username": "pull-2"},
            (
                "pullUsername must not be set without rights: the pull secret then holds the account of username; "
                "fix: `pulumi config rm pullUsername`"
            ),
        ),
        (
            {"rights": {"pull": "pull team-a/*"}},
            'testImage must be what account pull may pull, whose rights leave out "alpine_test"',
        ),
        ({"door_image": "mirror/nginx:1"}, "doorImage must not be set without rights"),
        ({"rights": {"pull": "pull *"}, "door_image": "Nginx"}, "doorImage must have a repository in lower case"),
    ],
)
def test_rights_that_fit_no_account_are_refused(values: dict[str, Any], said: str) -> None:
    """With the account, the rule and the fix."""
    assert f"private-registry:{said}" in refusal(**values)


def test_without_rights_there_is_no_account_but_those_that_are_set() -> None:
    """The pull secret holds that of username."""
    access = composed().access

    assert (access.puller, access.generated, access.rights_of_accounts) == ("registry", {}, {})


def test_with_rights_the_pull_secret_holds_an_account_that_only_pulls() -> None:
    """It is made here; that of username may do everything."""
    access = composed(rights={"pull": "pull *"}).access

    assert access.puller == "pull"
    assert access.generated == {"pull": "pull-password"}
    assert access.rights_of_accounts == {"registry": None, "pull": (Right(("pull",), "*"),)}


def test_the_account_of_the_pull_secret_may_have_a_password_of_its_own() -> None:
    """Then none is made."""
    access = composed(users={"pull": "long-enough-1"}, rights={"pull": "pull alpine_test"}).access

    assert access.generated == {}
    assert access.rights_of_accounts["pull"] == (Right(("pull",), "alpine_test"),)


NEXT: dict[str, Any] = {"pull_username": "pull-2", "users": {"pull-2": "long-enough-1"}}


def test_another_account_may_be_in_the_pull_secret() -> None:
    """Then there is none whose password is made here."""
    access = composed(**NEXT, rights={"pull-2": "pull *"}).access

    assert (access.puller, access.generated) == ("pull-2", {})
    assert set(access.rights_of_accounts) == {"registry", "pull-2"}


def test_the_account_of_before_stays_as_long_as_it_has_rights() -> None:
    """With the password that was made for it, so that it is replaced with overlap."""
    access = composed(**NEXT, rights={"pull-2": "pull *", "pull": "pull *"}).access

    assert (access.puller, access.generated) == ("pull-2", {"pull": "pull-password"})
    assert set(access.rights_of_accounts) == {"registry", "pull", "pull-2"}


def test_the_map_of_rights_has_a_line_for_each() -> None:
    """What stands behind the account is matched whole; a slash may be encoded, as in the source of a mount."""
    text = rights_map({"root": None, "ci": rights("push team-a/*, catalog")})

    assert text.splitlines() == [
        '"~^root:(?:pull|push|delete|catalog):.*$" 1;',
        r'"~^ci:(?:pull|push):team\-a(?:/|%2F).*$" 1;',
        '"~^ci:(?:catalog):$" 1;',
    ]


@pytest.mark.parametrize("account", ['a"b', "a$b", "a;b", "a\\b", "a b", "ä", "a.b", "a|b", "(a)", "{a}", "#", "'"])
def test_no_letter_of_an_account_means_anything_to_nginx(account: str) -> None:
    """Nor to its regular expressions."""
    [line] = accounts_map([account]).splitlines()
    pattern = line.removeprefix('"~').removesuffix('" $remote_user;')

    assert re.fullmatch(r"\^(?:[A-Za-z0-9]|\\x[0-9a-f]{2})*\$", pattern)
    assert re.search(pattern.encode(), account.encode())
    assert not re.search(pattern.encode(), f"x{account}".encode())
