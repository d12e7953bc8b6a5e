"""A registry as `regctl` reaches it: one program for each request, and its account in no argument and no file.

Owns the words that regctl is called with, and where it is told address, CA and account.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from .failure import OperationError, RegctlError
from .manifests import Blob, Manifest

_DOWNLOADS: Final = "https://github.com/regclient/regclient/releases"
_PIECE: Final = 1 << 20
_UPLOADED_AT_ONCE: Final = 32 << 20
"""Bytes. regctl holds so much in memory and sends it in one request; with its default of 1 MiB a push is slower."""
_PAGE: Final = 500
"""Repositories asked for in one request; registries refuse more than 1000."""
_ABSENT: Final = f"sha256:{'0' * 64}"
"""The digest of nothing that anybody has."""


def find() -> str:
    """Give regctl's place. Raises OperationError if there is none."""
    program = shutil.which("regctl")
    if not program:
        raise OperationError(
            f"regctl is not on PATH; fix: get it from {_DOWNLOADS} (one file), put it into a folder of PATH as "
            "`regctl`, and make it executable"
        )
    return program


class Registry:
    """One registry, and an account there."""

    def __init__(self, address: str, *, certificates: str, encrypted: bool, account: tuple[str, str]) -> None:
        self.address = address
        self._program = find()
        user, password = account
        host: dict[str, object] = {
            "tls": "enabled" if encrypted else "disabled",
            "user": user,
            "pass": password,
            "blobChunk": _UPLOADED_AT_ONCE,
        }
        if certificates:
            host["regcert"] = certificates
        # What Docker knows on this machine, another account for the same address say, must not count.
        content = {"hosts": {address: host}, "incDockerCert": False, "incDockerCred": False}
        self._config, self._handles = _kept_secret(self, json.dumps(content))
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "DOCKER_AUTH"))
        } | {"REGCTL_CONFIG": self._config}

    def answers(self) -> None:
        """Ask for as little as possible. Raises RegctlError if the registry cannot be used."""
        self._run("repo", "ls", self.address, "--limit", "1")

    def repositories(self) -> list[str]:
        """Give the names of all repositories, also of those without tags."""
        found: list[str] = []
        while True:
            last = ["--last", found[-1]] if found else []
            words = ("repo", "ls", self.address, "--limit", str(_PAGE), *last, "--format", "{{json .}}")
            page = json.loads(self._run(*words)).get("repositories") or []
            new = [name for name in page if name not in set(found)]
            if not new:
                return found
            found += new

    def tags(self, repository: str) -> list[str]:
        """Give the tags of a repository in order; none if there is no such repository."""
        try:
            text = self._run("tag", "ls", f"{self.address}/{repository}", "--format", "{{json .}}")
        except RegctlError as error:
            if error.is_missing:
                return []
            raise
        return sorted(json.loads(text).get("tags") or [])

    def digest(self, repository: str, reference: str) -> str:
        """Give the digest of a manifest by its tag or digest, or an empty text if there is none."""
        try:
            return self._run("manifest", "head", self._name(repository, reference)).decode().strip()
        except RegctlError as error:
            if error.is_missing:
                return ""
            raise

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Fetch a manifest by its tag or digest. Raises ValueError for one that cannot be read."""
        template = '{{.GetDescriptor.MediaType}}{{println}}{{printf "%s" .RawBody}}'
        answer = self._run("manifest", "get", self._name(repository, reference), "--format", template)
        kind, _, body = answer.partition(b"\n")
        return Manifest.read(body, kind.decode(), reference if ":" in reference else "")

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        """Fetch a blob piece by piece. The caller compares what came with the digest."""
        words = ("blob", "get", f"{self.address}/{repository}", digest)
        with tempfile.TemporaryFile() as said, self._start(words, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout
            try:
                while piece := process.stdout.read(_PIECE):
                    yield piece
            except BaseException:
                process.kill()
                raise
            if process.wait():
                raise RegctlError(words, _text(said))

    def size(self, repository: str, digest: str) -> int | None:
        """Give the size of a blob that the registry has, or None."""
        words = ("blob", "head", f"{self.address}/{repository}", digest, "--format", "raw-headers")
        try:
            lines = self._run(*words).decode().lower().splitlines()
        except RegctlError as error:
            if error.is_missing:
                return None
            raise
        lengths = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
        return int(lengths[0]) if lengths else None

    def put_blob(self, repository: str, blob: Blob, pieces: Iterable[bytes]) -> None:
        """Push a blob. Registry and regctl both compare it with its digest; its size is asked for afterwards."""
        words = ("blob", "put", f"{self.address}/{repository}", "--digest", blob.digest)
        with (
            tempfile.TemporaryFile() as said,
            self._start(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said) as process,
        ):
            assert process.stdin
            try:
                for piece in pieces:
                    process.stdin.write(piece)
                process.stdin.close()
            except BrokenPipeError:
                pass  # regctl has ended, and says below why
            except BaseException:
                # Killed before the end of its input, or it would take what came for the whole.
                process.kill()
                raise
            if process.wait():
                raise RegctlError(words, _text(said))
        there = self.size(repository, blob.digest)
        if there != blob.size:
            raise RegctlError(words, f"the registry now has {there} bytes of {blob.digest} in place of {blob.size}")

    def share_blob(self, repository: str, blob: Blob, source: str) -> None:
        """Let a repository have a blob that another one of the same registry has, which sends nothing."""
        names = (f"{self.address}/{source}", f"{self.address}/{repository}")
        self._run("blob", "copy", *names, blob.digest)
        there = self.size(repository, blob.digest)
        if there != blob.size:
            raise RegctlError(("blob", "copy"), f"the registry now has {there} bytes in place of {blob.size}")

    def put_manifest(self, repository: str, manifest: Manifest, tag: str = "") -> None:
        """Push a manifest under a tag or under its digest, and compare the digest by which the registry has it."""
        reference = tag or manifest.digest
        name = self._name(repository, reference)
        self._run("manifest", "put", "--content-type", manifest.media_type, name, stdin=manifest.body)
        there = self.digest(repository, reference)
        if there != manifest.digest:
            raise RegctlError(("manifest", "put"), f"the registry has {there or 'nothing'} as {name}")

    def delete_tag(self, repository: str, tag: str) -> None:
        """Remove a tag and nothing else: whatever other tags name stays.

        Only for a registry of which `allows_removal` is true. With one that refuses removal, regctl first puts an
        empty image under the tag, and then fails.
        """
        self._run("tag", "delete", self._name(repository, tag))

    def allows_removal(self, repository: str) -> bool:
        """Whether this account may remove something there, found out with a digest that nobody has."""
        try:
            self._run("manifest", "delete", self._name(repository, _ABSENT))
        except RegctlError as error:
            if error.is_missing:
                return True
            if error.is_refused:
                return False
            raise
        return True

    def _name(self, repository: str, reference: str) -> str:
        return f"{self.address}/{repository}{'@' if ':' in reference else ':'}{reference}"

    def _run(self, *words: str, stdin: bytes = b"") -> bytes:
        result = subprocess.run(
            [self._program, *words],
            env=self._environment,
            input=stdin,
            capture_output=True,
            pass_fds=self._handles,
            check=False,
        )
        if result.returncode:
            raise RegctlError(words, result.stderr.decode(errors="replace"))
        return result.stdout

    def _start(self, words: Sequence[str], **streams: object) -> subprocess.Popen[bytes]:
        streams.setdefault("stdin", subprocess.DEVNULL)
        start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
        return start([self._program, *words], env=self._environment, pass_fds=self._handles, **streams)


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]  # a temporary file, for which typing has no public name
    return str(file.read().decode(errors="replace"))  # type: ignore[attr-defined]


def _kept_secret(owner: object, content: str) -> tuple[str, tuple[int, ...]]:
    """Give a path at which only our own children read a text, and the handles that they need for it.

    On Linux it is in memory alone: a SIGKILL leaves no file behind. Elsewhere it is in a folder of this user alone.
    """
    if sys.platform == "linux":
        handle = os.memfd_create("regctl")
        os.write(handle, content.encode())
        weakref.finalize(owner, os.close, handle)
        return f"/proc/self/fd/{handle}", (handle,)
    folder = tempfile.mkdtemp(prefix="private-registry-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    file = Path(folder) / "config.json"
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    return str(file), ()
