"""The commands that people type: `make up`, `status`, `shell`, `down` and `help`, in a lab of the module's own."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.lifecycle import Lab
from lab.processes import Process
from lab.record import Record
from tests.live.harness import ADDRESS, PASSWORD, PROJECT, PUSH_ADDRESS, USER, Node, Result
from tests.live.observation import descendants, until

_PERSONAL = (
    ".bash_history",
    ".docker/config.json",
    ".kube/config",
    ".kube/cache",
    ".pulumi",
    ".python_history",
)
"""What a shell, Docker, kubectl and Pulumi would write in a person's home folder."""

_CANARY = "canary-of-the-caller"
_ELSEWHERE = {
    "DOCKER_CONFIG": f"/nowhere/{_CANARY}",
    "DOCKER_CONTEXT": _CANARY,
    "DOCKER_HOST": "tcp://127.0.0.1:1",
    "KUBECONFIG": f"/nowhere/{_CANARY}",
    "LANG": "tr_TR.UTF-8",
    "PULUMI_ACCESS_TOKEN": f"pul-{_CANARY}",
    "PULUMI_BACKEND_URL": f"file:///nowhere/{_CANARY}",
    "PULUMI_CONFIG_PASSPHRASE": _CANARY,
    "PULUMI_CONFIG_PASSPHRASE_FILE": f"/nowhere/{_CANARY}",
    "PULUMI_HOME": f"/nowhere/{_CANARY}",
    "PULUMI_STACK": _CANARY,
    "UNHEARD_OF": _CANARY,
    **dict.fromkeys(
        (*("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), *("http_proxy", "https_proxy", "all_proxy")),
        f"http://{_CANARY}@127.0.0.1:1",
    ),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), f"{_CANARY}.test"),
}
"""What a person has exported for work elsewhere; nothing of it would work here."""

_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Everything here is typed by a person who has all of this set, and Python programs of their own."""
    python = tmp_path_factory.mktemp("python")
    for module in ("pulumi", "yaml"):
        (python / f"{module}.py").write_text(f'raise SystemExit("{_CANARY}")\n')
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (_ELSEWHERE | {"PYTHONPATH": str(python)}).items():
            patch.setenv(name, value)
        yield


def _make(folder: Path, *words: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result[str]:
    """Run a make target on the lab in this folder; both streams together, as a person reads them."""
    # These tests may run below `make test`, whose variables would have the inner make report its folders.
    outer = {name: value for name, value in (env or os.environ).items() if name not in _OF_MAKE}
    return subprocess.run(
        ["make", *words],
        cwd=PROJECT,
        env=outer | {"LAB": str(folder)},
        input=stdin or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def _personal() -> dict[str, tuple[int, int] | None]:
    """When each of those was last changed, and its size; None where it is not."""
    found: dict[str, tuple[int, int] | None] = {}
    for name in _PERSONAL:
        path = Path.home() / name
        found[name] = (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the lab will be; ended in any case."""
    folder = tmp_path_factory.mktemp("commands") / "lab"
    yield folder
    Lab(folder).end()


@pytest.fixture(scope="module")
def personal(folder: Path) -> dict[str, tuple[int, int] | None]:
    """The person's own files before the first command."""
    assert not folder.exists()
    return _personal()


@pytest.fixture(scope="module")
def up(folder: Path, personal: object) -> Result[str]:
    """`make up` from nothing."""
    del personal  # only its place before this one matters
    return _make(folder, "up")


@pytest.fixture(scope="module")
def node(up: Result[str], folder: Path) -> Node:
    """The node that it left running."""
    assert up.returncode == 0, up.stdout
    return Node(Lab(folder))


class Terminal:
    """`make shell` at a terminal: types lines and reads what a person would see."""

    def __init__(self, folder: Path, home: Path) -> None:
        main, other = pty.openpty()
        environment = os.environ | {"LAB": str(folder), "HOME": str(home), "TERM": "dumb"}
        self._process = subprocess.Popen(
            ["make", "shell"],
            cwd=PROJECT,
            env=environment,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self._main = main
        self.seen = ""

    def read_until(self, pattern: str, *, seconds: float = 120) -> str:
        """Give what appears until the pattern matches, and forget it."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.seen}"
            if select.select([self._main], [], [], 1)[0]:
                self.seen += os.read(self._main, 4096).decode(errors="replace").replace("\r\n", "\n")
                # BuildKit moves the cursor to show its progress, and leaves its last words before the next line.
                self.seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen)
        text, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return text

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._main, f"{line}\n".encode())

    def type_unseen(self, line: str) -> None:
        """Type a line once the terminal hides it: `docker login` prints its prompt a moment before."""
        until(lambda: not termios.tcgetattr(self._main)[3] & termios.ECHO, "the terminal to hide it")
        self.type(line)

    def run(self, line: str, *, code: int = 0) -> str:
        """Type a command at the prompt; give what it printed once it ended with this exit code."""
        self.type(f"{line}; echo ended-$?")
        printed = self.read_until(r"(?m)^ended-\d+$")
        assert printed.endswith(f"ended-{code}"), printed
        return printed

    def leave(self) -> int:
        """Type `exit` and wait for the end; give the exit code of `make shell`."""
        self.type("exit")
        return self._process.wait(timeout=60)

    def end(self) -> None:
        """Let go of the terminal, which ends a shell that is still there."""
        os.close(self._main)
        self._process.wait(timeout=60)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A person's home folder, with settings that go their own way."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text(
        "PATH=/usr/bin:/bin\nHISTFILE=~/.bash_history\nPS1='mine> '\nalias hello='echo hi'\n"
    )
    (home / ".bash_history").write_text("what I typed before\n")
    return home


@pytest.fixture
def terminal(node: Node, home: Path) -> Iterator[Terminal]:
    """A shell on the node at its first prompt."""
    terminal = Terminal(node.lab.folder, home)
    try:
        terminal.read_until(r"minikube:\S*[#$] ")
        yield terminal
    finally:
        terminal.end()


def test_without_a_lab_each_command_says_how_to_start_one(tmp_path: Path) -> None:
    """One line and exit code, no traceback; `down` finds nothing to do."""
    status, shell, down = (_make(tmp_path / "none", target) for target in ("status", "shell", "down"))

    assert status.returncode != 0
    assert "no lab runs" in status.stdout
    assert "make up" in status.stdout
    assert shell.returncode != 0
    assert "error: The lab is not running; start it with `make up`." in shell.stdout
    assert down.returncode == 0
    assert "Traceback" not in status.stdout + shell.stdout + down.stdout
    assert not (tmp_path / "none").exists()


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    """LAB set by mistake to a folder that is no lab."""
    (tmp_path / "letter").write_text("dear")
    up, down = _make(tmp_path, "up"), _make(tmp_path, "down")

    for refused in (up, down):
        assert refused.returncode != 0
        assert "is not a lab and not empty" in refused.stdout
        assert "Traceback" not in refused.stdout
    assert (tmp_path / "letter").read_text() == "dear"


def test_help_lists_every_target() -> None:
    """Each with what it does."""
    makefile = (PROJECT / "Makefile").read_text()
    declared = re.search(r"(?m)^\.PHONY: (.*)$", makefile)
    assert declared
    printed = _make(Path("/nowhere"), "help").stdout

    listed = dict(re.findall(r"(?m)^ +make (\S+)\s+(\S.*)$", printed))
    assert set(listed) == set(declared[1].split())
    assert _make(Path("/nowhere"), "--question", "help").returncode in {0, 1}


def test_up_from_nothing_ends_with_the_proof_pod_and_a_summary(up: Result[str], node: Node, folder: Path) -> None:
    """What was made, its addresses and commands, and what to type next."""
    pods = node.get("pods", "--selector=app.kubernetes.io/name=proof")["items"]

    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
    assert f'address        : "{ADDRESS}"' in up.stdout
    assert pods[0]["metadata"]["name"] in up.stdout
    assert "Next: `make shell`" in up.stdout
    assert "Docker provider" in up.stdout
    assert PASSWORD not in re.findall(r"\S+", up.stdout)
    assert up.stdout.count(str(folder)) == 0


def test_f16_f17_f18_nothing_of_the_caller_s_environment_is_on_the_node(up: Result[str], node: Node) -> None:
    """No process of the node has any of it, Pods included; and nothing of it is said."""
    record = Record.read(node.lab.folder)
    assert record
    seen = {}
    for process in descendants(record.keeper.id):
        with suppress(OSError):  # it has ended since
            name = Path(f"/proc/{process.id}/comm").read_text().strip()
            seen[f"{process.id} {name}"] = Path(f"/proc/{process.id}/environ").read_bytes()
    services = {name.partition(" ")[2]: text for name, text in seen.items() if b"LANG=C.UTF-8\0" in text}

    assert {"containerd", "dockerd", "etcd", "kube-apiserver", "kubelet"} <= set(services)
    assert any(name.endswith(" registry") for name in seen)
    assert [name for name, text in seen.items() if _CANARY.encode() in text or b"127.0.0.1:1" in text] == []
    assert _CANARY not in up.stdout


def test_a_second_up_changes_nothing(node: Node) -> None:
    """It neither restarts the node nor touches a resource."""
    first = node.lab.process()
    again = _make(node.lab.folder, "up")

    assert again.returncode == 0, again.stdout
    assert re.search(r"Resources:\n +\d+ unchanged", again.stdout), again.stdout
    assert node.lab.process() == first


def test_status_tells_what_runs(node: Node) -> None:
    """The node, which Docker provider, the Pods and the stack's outputs, and no password."""
    status = _make(node.lab.folder, "status")

    assert status.returncode == 0, status.stdout
    assert f"node minikube (192.168.99.100) runs in {node.lab.folder}" in status.stdout
    assert "Docker provider" in status.stdout
    assert re.search(r"minikube +Ready", status.stdout)
    assert re.search(r"pod/registry-proof-pod +1/1 +Running", status.stdout)
    assert ADDRESS in status.stdout
    assert PASSWORD not in re.findall(r"\S+", status.stdout)


def test_the_tutorial_works_as_typed_at_the_lab_s_shell(terminal: Terminal, node: Node, tmp_path: Path) -> None:
    """Login with the password at its prompt, build, tag, push, catalog, kubectl and pulumi."""
    (tmp_path / "Dockerfile").write_text('FROM alpine\nCMD ["sleep", "300"]\n')

    terminal.type(f"docker login {PUSH_ADDRESS}")
    terminal.read_until("Username: ")
    terminal.type(USER)
    terminal.read_until("Password: ")
    terminal.type_unseen(PASSWORD)
    login = terminal.read_until(r"minikube:\S*[#$] ")
    terminal.run(f"cd {tmp_path}")
    terminal.run("docker build -t alpine_test:test_1.0 .")
    terminal.run(f"docker tag alpine_test:test_1.0 {PUSH_ADDRESS}/alpine_test:typed")
    push = terminal.run(f"docker push {PUSH_ADDRESS}/alpine_test:typed")
    terminal.run(f"cd {PROJECT}")
    with_ca = "--cacert <(pulumi stack output ca --stack dev)"
    catalog = terminal.run(f"curl --silent {with_ca} --user {USER}:{PASSWORD} https://{PUSH_ADDRESS}/v2/_catalog")
    pods = terminal.run("kubectl get pods")
    stack = terminal.run("pulumi stack --stack dev")

    assert "Login Succeeded" in login
    assert PASSWORD not in login.split()
    assert "typed: digest: sha256:" in push
    assert '{"repositories":["alpine_test"]}' in catalog
    assert "Running" in pods
    assert "Current stack is dev" in stack
    assert terminal.leave() == 0
    tags = node.registry("/v2/alpine_test/tags/list")
    assert '"typed"' in tags.body


def test_a_plain_pulumi_up_in_the_shell_finds_no_changes(terminal: Terminal) -> None:
    """It is the same program, state and cluster as `make up` used."""
    printed = terminal.run("pulumi up --yes --stack dev --color never")

    assert re.search(r"Resources:\n +\d+ unchanged", printed), printed
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", printed), printed


def test_the_prompt_tells_where_one_is_and_own_settings_hold(terminal: Terminal, home: Path) -> None:
    """Aliases of the person's work; PATH and prompt are the node's in spite of them."""
    terminal.type("hostname; hello; command -v kubectl")
    printed = terminal.read_until(r"minikube:\S*[#$] ")

    assert "\nminikube\nhi\n" in printed
    assert "/bin/kubectl" in printed
    assert home.exists()


def test_the_person_s_shell_history_is_untouched(terminal: Terminal, home: Path, node: Node) -> None:
    """What is typed on the node is remembered there, and goes with the lab."""
    terminal.run("true typed-on-the-node")
    assert terminal.leave() == 0

    assert (home / ".bash_history").read_text() == "what I typed before\n"
    assert "true typed-on-the-node" in (node.lab.folder / "shell-history").read_text()


def test_a_script_can_be_fed_to_the_shell(node: Node) -> None:
    """Without a terminal; its exit code is that of the last command."""
    script = f"docker login {PUSH_ADDRESS} --username {USER} --password-stdin <<< {PASSWORD}\nkubectl get nodes\n"
    good, bad = (_make(node.lab.folder, "shell", stdin=script + end) for end in ("", "exit 3\n"))

    assert good.returncode == 0, good.stdout
    assert "Login Succeeded" in good.stdout
    assert re.search(r"minikube +Ready", good.stdout)
    assert bad.returncode != 0


def test_the_person_s_files_are_as_they_were(node: Node, personal: dict[str, tuple[int, int] | None]) -> None:
    """Neither `make up` nor anything typed on the node wrote to a person's own settings."""
    assert node.lab.is_ready()
    assert _personal() == personal


def test_up_and_down_in_the_bare_environment_of_sudo_leave_nothing(tmp_path: Path) -> None:
    """With the tools built, no own PATH is needed; in the end stack and lab are gone."""
    lab, before = Lab(tmp_path / "lab"), _personal()
    bare = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(Path.home()),
        "SUDO_UID": "1000",
        "SUDO_USER": "someone",
    }
    if cache := os.environ.get("XDG_CACHE_HOME"):
        bare["XDG_CACHE_HOME"] = cache
    try:
        up = _make(lab.folder, "up", env=bare)
        assert up.returncode == 0, up.stdout
        first = Process.now(lab.process() or 0)
        down = _make(lab.folder, "down", env=bare)
    finally:
        lab.end()

    assert "Resources:" in up.stdout
    assert down.returncode == 0, down.stdout
    assert re.search(r"- +\d+ deleted", down.stdout), down.stdout
    assert down.stdout.rstrip().endswith(f"the lab in {lab.folder} is gone")
    assert not lab.folder.exists()
    assert not first.is_alive()
    assert _personal() == before
