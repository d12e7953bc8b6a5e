"""Problems: how each is worded, and that none hides another."""

import pulumi
import pytest

from components.problems import Problems, SettingsError


def test_broken_rules_are_collected_with_key_and_fix() -> None:
    """A rule that holds adds nothing."""
    problems = Problems()
    with problems.caught("port", "`fix 1`"):
        int("no number")
    with problems.caught("node", "`fix 2`"):
        pass
    with problems.caught("host", "`fix 3`"):
        raise ValueError("must be set")

    assert problems[1:] == ["private-registry:host must be set; fix: `fix 3`"]
    assert problems[0].startswith("private-registry:port invalid literal ")
    assert problems[0].endswith("; fix: `fix 1`")


def test_another_error_is_no_broken_rule() -> None:
    """It is a mistake in the program, which must not look like one in the settings."""
    problems = Problems()

    with pytest.raises(KeyError), problems.caught("port", "`fix`"):
        raise KeyError
    assert problems == []


def test_all_are_raised_in_one_error_a_line_each() -> None:
    """With a first line that says what they are."""
    with pytest.raises(SettingsError) as refused:
        Problems(["a", "b"]).raise_any()

    assert refused.value.problems == ("a", "b")
    assert str(refused.value) == "The settings cannot work:\n  a\n  b"


def test_nothing_is_raised_for_nothing() -> None:
    """Settings that can work."""
    Problems().raise_any()


def test_the_engine_shows_the_message_without_a_traceback() -> None:
    """The Python host does that for a RunError."""
    assert issubclass(SettingsError, pulumi.RunError)
