"""The build context of the lab's Docker provider: ignore rules, digest, archive."""

import os
import tarfile
from pathlib import Path

import pytest

from lab.docker_provider.context import BuildContext, ContextError, IgnoreRules


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    """Make a context with a Dockerfile, a file, a folder with a file, and a link."""
    folder = tmp_path / "app"
    (folder / "sub").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "a.txt").write_text("one")
    (folder / "sub" / "b.txt").write_text("two")
    (folder / "link").symlink_to("a.txt")
    return BuildContext(folder)


def names(context: BuildContext) -> dict[str, tarfile.TarInfo]:
    """Read the archive's entries by name."""
    with context.archive() as archive, tarfile.open(fileobj=archive) as entries:
        return {entry.name: entry for entry in entries}


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("a.txt", "a.txt", True),
        ("a.txt", "sub/a.txt", False),
        ("A.txt", "a.txt", False),
        ("*.md", "README.md", True),
        ("*.md", "sub/README.md", False),
        ("*/*.md", "sub/README.md", True),
        ("**/*.md", "README.md", True),
        ("**/*.md", "one/two/README.md", True),
        ("temp?", "tempa", True),
        ("temp?", "temp/", False),
        ("sub", "sub/deep/file", True),
        ("/sub/", "sub/file", True),
        ("./sub/../other", "other/file", True),
        ("../outside", "outside", False),
        (".", "a.txt", False),
        ("**", "any/thing", True),
        ("sub/**", "sub/file", True),
        ("# a.txt", "# a.txt", False),
        ("\ufeffa.txt", "a.txt", True),
        ("  a.txt  ", "a.txt", True),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("!README.md\n*.md", "README.md", True),
        ("*\n!sub/keep", "sub/keep", False),
        ("*\n!sub/keep", "sub/other", True),
        ("**/cache\n!**/cache/keep", "a/b/cache/other", True),
        ("**/cache\n!**/cache/keep", "a/b/cache/keep", False),
        ("[ab].txt", "b.txt", True),
        ("[^ab].txt", "b.txt", False),
        ("[^ab].txt", "c.txt", True),
        ("x[^a]y", "x/y", False),
        (r"\*.txt", "*.txt", True),
        (r"\*.txt", "a.txt", False),
        ("a+(b).txt", "a+(b).txt", True),
        ("a.txt", "a-txt", False),
    ],
)
def test_ignore_rules_follow_docker(patterns: str, path: str, *, ignored: bool) -> None:
    """Each pattern decides as Docker's reference for .dockerignore says."""
    assert IgnoreRules.parse(patterns).ignores(path) is ignored


@pytest.mark.parametrize("pattern", ["!", "[ab", "[b-a]", "end\\"])
def test_a_line_that_is_no_pattern_is_named(context: BuildContext, pattern: str) -> None:
    """A broken ignore file is reported with its path."""
    (context.folder / ".dockerignore").write_text(pattern + "\n")
    with pytest.raises(ContextError, match=r"\.dockerignore"):
        context.digest()


def test_digest_ignores_times(context: BuildContext) -> None:
    """A touched file is no change."""
    before = context.digest()
    os.utime(context.folder / "a.txt", (1, 1))
    assert context.digest() == before


def test_digest_is_the_same_in_another_place(context: BuildContext, tmp_path: Path) -> None:
    """Where the checkout lies does not count."""
    moved = tmp_path / "elsewhere"
    before = context.digest()
    context.folder.rename(moved)
    assert BuildContext(moved).digest() == before


@pytest.mark.parametrize("change", ["content", "mode", "name", "link", "dockerfile", "new"])
def test_digest_changes_with_what_is_built(context: BuildContext, change: str) -> None:
    """Content, mode and name of a file, a link's target and the Dockerfile each count."""
    before, folder = context.digest(), context.folder
    if change == "content":
        (folder / "sub" / "b.txt").write_text("three")
    elif change == "mode":
        (folder / "a.txt").chmod(0o755)
    elif change == "name":
        (folder / "a.txt").rename(folder / "c.txt")
    elif change == "link":
        (folder / "link").unlink()
        (folder / "link").symlink_to("sub/b.txt")
    elif change == "dockerfile":
        (folder / "Dockerfile").write_text("FROM scratch\nUSER 1\n")
    else:
        (folder / "new").write_text("")
    assert context.digest() != before


def test_digest_does_not_follow_links(context: BuildContext, tmp_path: Path) -> None:
    """What a link points at is outside the context."""
    outside = tmp_path / "outside"
    outside.write_text("one")
    (context.folder / "far").symlink_to(outside)
    (context.folder / "dangling").symlink_to("nowhere")
    before = context.digest()
    outside.write_text("two")
    assert context.digest() == before


def test_ignored_files_do_not_count(context: BuildContext) -> None:
    """A change in an ignored file is no change."""
    (context.folder / ".dockerignore").write_text("sub\n")
    before = context.digest()
    (context.folder / "sub" / "b.txt").write_text("three")
    assert context.digest() == before


def test_an_ignored_dockerfile_still_counts(context: BuildContext) -> None:
    """The Dockerfile decides what is built, ignored or not."""
    (context.folder / ".dockerignore").write_text("*\n")
    before = context.digest()
    context.dockerfile.write_text("FROM scratch\nUSER 1\n")
    assert context.digest() != before


def test_the_dockerfiles_own_ignore_file_wins(context: BuildContext) -> None:
    """<Dockerfile>.dockerignore is used instead of .dockerignore."""
    (context.folder / ".dockerignore").write_text("a.txt\n")
    (context.folder / "Dockerfile.dockerignore").write_text("sub\n")
    assert "a.txt" in names(context)
    assert "sub/b.txt" not in names(context)


def test_the_archive_holds_the_build_files_even_when_ignored(context: BuildContext) -> None:
    """The Docker Engine needs the Dockerfile and the ignore file; all else that is ignored stays out."""
    (context.folder / ".dockerignore").write_text("*\n!sub/b.txt\n")
    assert set(names(context)) == {".dockerignore", "Dockerfile", "sub/b.txt"}


def test_the_archive_belongs_to_root(context: BuildContext) -> None:
    """Another user's checkout must find the same layers in the Docker Engine's cache."""
    if os.geteuid() == 0:
        os.chown(context.folder / "a.txt", 1234, 1234)
    assert {(entry.uid, entry.gid, entry.uname) for entry in names(context).values()} == {(0, 0, "")}


def test_the_archive_keeps_links_as_links(context: BuildContext) -> None:
    """A link is sent as a link."""
    assert names(context)["link"].linkname == "a.txt"
