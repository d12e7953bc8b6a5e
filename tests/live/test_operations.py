"""Backup, restore and retention, by the commands that people type, against a registry that is up."""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
import secrets
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.canaries import Canary, Hunt, files
from tests.live.harness import Node, Stack
from tests.live.operating import Operator
from tests.live.registry_client import IMAGE_INDEX, IMAGE_MANIFEST, Client, Image, busy, digest_of
from tests.live.s3 import ACCESS_KEY, BUCKET, ENDPOINT, S3, SECRET_KEY
from tests.live.sampler import PLANTED, sampled

_MEGABYTE = 1 << 20
ROUNDS = int(os.environ.get("RETENTIONS", "2"))


@pytest.fixture(scope="module")
def password() -> Canary:
    """One that is found again wherever it went."""
    core = secrets.token_hex(12)
    return Canary("password", f'é"<&%+ /{core}', core)


@pytest.fixture(scope="module")
def operator(lab: Node, stack: Stack, password: Canary) -> Operator:
    """The stack, up, with that password."""
    stack.set("password", password.text, secret=True)
    stack.up()
    return Operator(lab, stack, password.text)


def made(month: int, *sizes: int) -> Image:
    """An image that was made in a month, with layers of these sizes."""
    when = datetime.datetime(2026, month, 1, tzinfo=datetime.UTC).isoformat()
    return Image(Image.random(*sizes).layers, json.dumps({"created": when, "salt": secrets.token_hex(8)}).encode())


def push_index(client: Client, repository: str, tag: str, images: list[Image]) -> str:
    """Push an index of several platforms, whose images have no tags of their own; gives its digest."""
    for image in images:
        assert client.push(repository, image.digest, image).status == 201
    described = [
        {
            "mediaType": IMAGE_MANIFEST,
            "digest": image.digest,
            "size": len(image.manifest),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": described}).encode()
    assert client.push_manifest(repository, tag, index, IMAGE_INDEX).status == 201
    return digest_of(index)


@dataclass
class Content:
    """What was pushed."""

    digests: dict[tuple[str, str], str]
    images: dict[tuple[str, str], Image]
    platforms: list[Image]


@pytest.fixture(scope="module")
def content(operator: Operator) -> Content:
    """Three repositories beside the proof's: a base layer in all of them, an index, and signatures of it."""
    client = operator.client()
    base = os.urandom(24 * _MEGABYTE)
    images = {}
    for repository in ("team/app", "team/app/blobs", "solo"):
        for number in (1, 2):
            one = made(number, 3 * _MEGABYTE)
            image = Image((base, *one.layers), one.config)
            assert client.push(repository, f"v{number}", image).status == 201
            images[repository, f"v{number}"] = image
    platforms = [made(3, _MEGABYTE), made(3, _MEGABYTE)]
    digests = {key: image.digest for key, image in images.items()}
    digests["solo", "multi"] = push_index(client, "solo", "multi", platforms)
    signature = made(3, 1000)
    tag = digests["solo", "multi"].replace(":", "-") + ".sig"
    assert client.push("solo", tag, signature).status == 201
    digests["solo", tag] = signature.digest
    images["solo", tag] = signature
    proof = operator.stack.outputs()["image"].rpartition("@")[2]
    digests["alpine_test", "test_1.0"] = proof
    return Content(digests, images, platforms)


def assert_all_there(operator: Operator, content: Content) -> None:
    """Each tag with its digest, and each blob byte by byte."""
    client = operator.client()
    for (repository, tag), digest in content.digests.items():
        assert client.manifest(repository, tag).digest == digest, (repository, tag)
    for (repository, tag), image in content.images.items():
        assert client.has(repository, tag, image), (repository, tag)
    for image in content.platforms:
        assert client.has("solo", image.digest, image)


def kill_when(operator: Operator, words: tuple[str, ...], reached: Path, size: int) -> None:
    """Start a command, and kill all of it once a folder holds so many bytes."""
    process = operator.start(*words)
    deadline = time.monotonic() + 240
    while process.poll() is None and _size(reached) < size:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert process.poll() is None, "the command ended before it could be cut off"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).stat().st_size
            except OSError:
                continue
    return total


@pytest.fixture(scope="module")
def backup(operator: Operator, content: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup that was killed half-way, damaged as by a power cut, and resumed."""
    assert content.digests
    folder = tmp_path_factory.mktemp("backups") / "one"
    kill_when(operator, ("backup", "--to", str(folder)), folder, 20 * _MEGABYTE)
    assert not (folder / "backup.json").exists()
    unfinished = operator.run("restore", "--from", str(folder), check=False)
    assert unfinished.returncode == 1
    assert "holds no finished backup" in unfinished.stderr
    manifest, *_ = sorted((folder / "repositories" / "solo" / "blobs" / "sha256").glob("[0-9a-f]*"))
    manifest.write_bytes(manifest.read_bytes()[:-1])
    operator.run("backup", "--to", str(folder))
    return folder


def test_a_backup_that_was_killed_goes_on_and_is_whole(operator: Operator, content: Content, backup: Path) -> None:
    """With every tag at its digest; what was cut in half is fetched again, and what came is not."""
    listed = json.loads((backup / "backup.json").read_text())
    found = {(name, tag): digest for name, tags in listed["images"].items() for tag, digest in tags.items()}

    assert found == content.digests
    assert listed["missing"] == []
    assert list(backup.rglob("*.partial")) == []
    for file in backup.glob("repositories/*/blobs/sha256/*"):
        assert digest_of(file.read_bytes()) == f"sha256:{file.name}"
    said = operator.printed[-1]
    assert re.search(r"backed up from \S+ to \S+: 9 of 9 tags in 4 repositories, ", said)
    assert "manifests without a tag" in said
    assert "blobs in the folder" in (backup / "backup.log").read_text()


def test_other_tools_read_the_backup(operator: Operator, content: Content, backup: Path) -> None:
    """Each repository is an OCI image layout."""
    folder = backup / "repositories" / "team+app"
    tags = operator.node.run(["regctl", "tag", "ls", f"ocidir://{folder}"]).stdout.split()
    digest = operator.node.run(["regctl", "manifest", "head", f"ocidir://{folder}:v1"]).stdout.strip()

    assert tags == ["v1", "v2"]
    assert digest == content.digests["team/app", "v1"]


def test_a_second_backup_fetches_nothing(operator: Operator, content: Content, backup: Path) -> None:
    """And keeps the list of the one before. The catalog comes in pages of one repository (SUSE/Portus#548)."""
    program = (
        "import sys, operations.regctl as regctl; regctl._PAGE = 1; "
        "from operations.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [operator.python, "-c", program, "backup", "--to", str(backup), "--stack", operator.stack.name]
    said = operator.node.run(words, cwd=operator.stack.folder, env=operator.stack.environment).stdout
    listed = json.loads((backup / "backup.json").read_text())["images"]

    assert "of which 0 B came now" in said
    assert set(listed) == {repository for repository, _ in content.digests}
    assert len(list(backup.glob("backup-*.json"))) == 1


def test_an_emptied_registry_is_restored_and_a_cut_is_made_up(
    operator: Operator, content: Content, backup: Path
) -> None:
    """The stack is destroyed, its folder emptied, and it comes up with nothing but the proof."""
    operator.stack.destroy()
    operator.node.run(["sh", "-c", "rm -rf /data/registry"])
    operator.stack.up()
    assert operator.client().manifest("solo", "multi").status == 404
    # The test image is built anew, and may get another digest.
    proof = operator.client().manifest("alpine_test", "test_1.0").digest
    force = () if proof == content.digests["alpine_test", "test_1.0"] else ("--force",)
    data = operator.node.lab.folder / "root" / "data" / "registry"
    kill_when(operator, ("restore", "--from", str(backup), *force), data, 20 * _MEGABYTE)
    operator.run("restore", "--from", str(backup), *force)

    assert "9 of 9 tags have the digests of the backup" in operator.printed[-1]
    assert_all_there(operator, content)
    operator.run("restore", "--from", str(backup))
    assert "0 B were pushed now" in operator.printed[-1]


def test_a_tag_with_another_image_is_moved_by_force_only(
    operator: Operator, content: Content, backup: Path
) -> None:
    """Nothing at all is pushed otherwise."""
    client = operator.client()
    other = made(5, 1000)
    assert client.push("solo", "v1", other).status == 201
    assert client.request("DELETE", "/v2/team/app/manifests/v1").status == 202
    refused = operator.run("restore", "--from", str(backup), check=False)

    assert refused.returncode == 1
    assert "1 tags exist with another image, and nothing was pushed" in refused.stderr
    assert f"solo:v1 is {other.digest} there and {content.digests['solo', 'v1']} in the backup" in refused.stderr
    assert client.manifest("team/app", "v1").status == 404
    operator.run("restore", "--from", str(backup), "--force")
    assert_all_there(operator, content)


def test_a_flipped_byte_is_named_and_nothing_of_that_image_is_pushed(
    operator: Operator, content: Content, backup: Path, tmp_path: Path
) -> None:
    """All others are restored. The backup is a copy, in which the images have other tags."""
    copy = tmp_path / "copy"
    shutil.copytree(backup, copy)
    [layer] = content.images["team/app", "v2"].layers[1:]
    file = copy / "repositories" / "team+app" / "blobs" / "sha256" / digest_of(layer)[7:]
    damaged = bytearray(layer)
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    client = operator.client()
    for tag in ("v1", "v2"):
        digest = content.digests["team/app", tag]
        assert client.request("DELETE", f"/v2/team/app/manifests/{digest}").status == 202
        image = content.images["team/app", tag]
        assert client.request("DELETE", f"/v2/team/app/blobs/{digest_of(image.layers[1])}").status == 202
    failed = operator.run("restore", "--from", str(copy), check=False)

    assert failed.returncode == 1
    assert f"DAMAGED team/app:v2 is not pushed: {file}: does not have the content" in failed.stdout
    assert client.manifest("team/app", "v2").status == 404
    assert client.blob("team/app", digest_of(layer)).status == 404
    assert client.has("team/app", "v1", content.images["team/app", "v1"])
    operator.run("restore", "--from", str(backup))
    assert_all_there(operator, content)


def test_what_the_registry_has_lost_is_named_and_all_else_is_backed_up(
    operator: Operator, content: Content, lab: Node, tmp_path: Path
) -> None:
    """A layer's file is gone from the disk, and a repository has lost its only tag."""
    client = operator.client()
    lost, untagged = made(1, 1000), made(1, 1000)
    assert client.push("lost", "v1", lost).status == 201
    assert client.push("untagged", "v1", untagged).status == 201
    assert client.request("DELETE", "/v2/untagged/manifests/v1").status == 202
    layer = digest_of(lost.layers[0])[7:]
    data = f"/data/registry/registry/docker/registry/v2/blobs/sha256/{layer[:2]}/{layer}/data"
    lab.run(["rm", data])
    failed = operator.run("backup", "--to", str(tmp_path / "backup"), check=False)
    listed = json.loads((tmp_path / "backup" / "backup.json").read_text())
    lab.run(["rm", "-r", "/data/registry/registry/docker/registry/v2/repositories/lost"])

    assert failed.returncode == 1
    assert "MISSING lost:v1: regctl blob get: " in failed.stdout
    assert "without tags, hence without anything to back up: untagged" in failed.stdout
    assert "lost" not in listed["images"]
    assert len(listed["missing"]) == 1
    assert {tag: listed["images"]["solo"][tag] for tag in ("v1", "multi")} == {
        tag: content.digests["solo", tag] for tag in ("v1", "multi")
    }


def test_retention_shows_first_and_removes_what_no_pod_uses(operator: Operator, lab: Node) -> None:
    """A Pod runs the oldest build; a tag without a pattern has the image of another old one."""
    client = operator.client()
    builds = [made(month, 1000) for month in range(1, 6)]
    for number, image in enumerate(builds, 1):
        assert client.push("builds", f"build-{number}", image).status == 201
    assert client.push_manifest("builds", "stable", builds[1].manifest).status == 201
    alpine = operator.stack.outputs()["image"]
    source = client.manifest("alpine_test", alpine.rpartition("@")[2])
    for blob in (part for part in _blobs(source.body)):
        mounted = client.request("POST", f"/v2/builds/blobs/uploads/?mount={blob}&from=alpine_test")
        assert mounted.status == 201
    kind = source.headers["content-type"]
    assert client.push_manifest("builds", "used-0", source.body, kind).status == 201
    for key, value in (("retentionTags[0]", "build-*"), ("retentionTags[1]", "used-*")):
        operator.stack.set(key, value, path=True)
    operator.stack.set("retentionRepositories[0]", "builds", path=True)
    newer = made(12, 1000)
    assert client.push("builds", "used-1", newer).status == 201
    unset = operator.run("retention", check=False)
    operator.stack.set("retentionKeep", "1")
    dry = operator.run("retention")
    there = client.request("GET", "/v2/builds/tags/list").body
    done = operator.run("retention", "--apply")
    left = sorted(json.loads(client.request("GET", "/v2/builds/tags/list").body)["tags"])

    assert unset.returncode == 1
    assert "retentionKeep must be set" in unset.stderr
    assert "nothing was removed: this was a dry run" in dry.stdout
    assert len(json.loads(there)["tags"]) == 8
    assert re.search(r"keep +builds +used-0 .* used by Pod default/registry-proof-pod", dry.stdout)
    assert [line.split()[2] for line in dry.stdout.splitlines() if line.startswith("REMOVE")] == [
        "build-4",
        "build-3",
        "build-2",
        "build-1",
    ]
    assert "removed 4 tags" in done.stdout
    assert left == ["build-5", "stable", "used-0", "used-1"]
    # Its manifest was that of a tag that went, and is whole.
    assert client.has("builds", "stable", builds[1])
    assert lab.get("pod", "registry-proof-pod")["status"]["phase"] == "Running"


def _blobs(manifest: bytes) -> list[str]:
    content = json.loads(manifest)
    return [part["digest"] for part in (content["config"], *content["layers"])]


@dataclass
class Pushes:
    """Clients that push a build after the other, and what was acknowledged to them."""

    operator: Operator
    base: bytes
    images: dict[str, Image] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def push(self, number: int) -> None:
        """Push one image under a tag of its own; all have a layer in common."""
        client, one = self.operator.client(), made(7, 1000)
        image, tag = Image((self.base, *one.layers), one.config), f"build-{number}-{len(self.images)}"
        reply = client.push("busy", tag, image)
        client.close()
        if reply.status == 201:
            self.images[tag] = image
        else:
            self.failed.append(f"{tag}: {reply}")
        # Tags come faster than they can be removed, and each round would take longer than the one before.
        time.sleep(0.5)


def test_retention_among_pushes_damages_nothing(operator: Operator) -> None:
    """What is left is whole, what no pattern matches too, and no push is refused."""
    pushes = Pushes(operator, os.urandom(_MEGABYTE))
    kept = made(1, 1000)
    client = operator.client()
    assert client.push("busy", "stable", kept).status == 201
    with operator.stack.settings_kept(), busy(2, pushes.push):
        operator.stack.set("retentionKeep", "3")
        operator.stack.set("retentionTags[0]", "build-*", path=True)
        operator.stack.set("retentionRepositories[0]", "busy", path=True)
        done = [operator.run("retention", "--apply").stdout for _ in range(ROUNDS)]
    client.close()
    left = json.loads(client.request("GET", "/v2/busy/tags/list").body)["tags"]

    assert pushes.failed == []
    assert all(re.search(r"^removed [1-9]\d* tags", text, re.MULTILINE) for text in done[1:])
    assert set(left) <= {*pushes.images, "stable"}
    assert len(left) < len(pushes.images)
    assert [tag for tag in left if not client.has("busy", tag, {**pushes.images, "stable": kept}[tag])] == []
    assert "stable" in left


def test_without_removal_allowed_nothing_is_touched(operator: Operator) -> None:
    """In the settings, and then in the registry itself, which does not yet know of a new setting."""
    with operator.stack.settings_kept():
        operator.stack.set("deleteEnabled", "false")
        by_settings = operator.run("retention", "--apply", check=False)
        operator.stack.unset("retentionKeep")
        operator.stack.up()
        operator.stack.set("deleteEnabled", "true")
        operator.stack.set("retentionKeep", "1")
        client = operator.client()
        assert client.push("builds", "build-0", made(1, 1000)).status == 201
        by_registry = operator.run("retention", "--apply", check=False)
        digest = client.manifest("builds", "build-0")

    assert by_settings.returncode == by_registry.returncode == 1
    assert "retentionKeep must be 0 while deleteEnabled is false" in by_settings.stderr
    assert "`pulumi config set deleteEnabled true`" in by_settings.stderr
    assert "the registry refuses to remove anything" in by_registry.stderr
    assert digest.status == 200


def test_the_password_is_in_no_argument_output_or_file(
    operator: Operator, password: Canary, backup: Path, lab: Node, tmp_path: Path
) -> None:
    """Nor in the variables of regctl; and no kill before this has left a file with it."""
    shutil.rmtree(backup / "repositories" / "team+app")
    with sampled(lab, tmp_path) as samples:
        operator.run("backup", "--to", str(backup))
        operator.run("restore", "--from", str(backup))
        operator.run("retention")
        lab.run(["sh", "-c", "sleep 1; :", PLANTED])
    lines = [tuple(map(base64.b64decode, json.loads(line))) for line in samples.read_text().splitlines()]
    arguments = {words.replace(b"\0", b" ").decode(errors="replace"): words for words, _ in lines}
    regctl = {words.decode(errors="replace"): variables for words, variables in lines if b"/regctl\0" in words}
    hunt = Hunt(password)

    assert any(PLANTED in words for words in arguments)
    assert any("blob\0get" in words for words in regctl)
    assert hunt.found(arguments) == set()
    assert hunt.found(regctl) == set()
    assert hunt.found({"printed": "\n".join(operator.printed).encode()}) == set()
    assert hunt.found({str(file): file.read_bytes() for file in backup.glob("*.*")}) == set()
    assert hunt.found(files(lab.lab.folder / "tmp")) == set()


def test_a_backup_of_a_folder_is_restored_into_a_bucket(
    operator: Operator, content: Content, backup: Path, lab: Node
) -> None:
    """The way from one node to several, with every digest as it was."""
    s3 = {"storage": "s3", "s3Bucket": BUCKET, "s3Endpoint": ENDPOINT}
    keys = {"s3AccessKey": ACCESS_KEY, "s3SecretKey": SECRET_KEY}
    stack = operator.stack
    with S3.running(lab) as server:
        for key, value in s3.items():
            stack.set(key, value)
        for key, value in keys.items():
            stack.set(key, value, secret=True)
        stack.up()
        assert operator.client().manifest("solo", "multi").status == 404
        operator.run("restore", "--from", str(backup), "--force")

        assert_all_there(operator, content)
        assert any("repositories/team/app" in key for key in server.objects)
        # What the server had is gone with it, and so is the stack.
        stack.destroy()
        for key in (*s3, *keys):
            stack.unset(key)
