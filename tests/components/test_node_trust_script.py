"""The script of node trust as it runs on a node: what it writes, leaves alone, puts back and takes away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from components.nodes import runtimes
from components.nodes.runtimes import CertsFolders
from tests.authority import Authority
from tests.components.declaration import CA, CONFIG_MAP, declared
from tests.components.test_node_trust import CONTAINERD, DOCKER, authorities, container, env
from tests.waiting import eventually

CERTIFICATE: Final = "private-registry.crt"
BEFORE: Final = "private-registry-before.crt"
RECORD: Final = ".private-registry"
SHELLS: Final = [name for name in ("sh", "busybox") if shutil.which(name)]
"""The registry's images have busybox as their shell; another one shows what only one of them takes."""


def remove(folder: Path) -> None:
    """Remove a folder at one stroke: the script may write into it while its files go one by one."""
    with tempfile.TemporaryDirectory() as elsewhere:
        folder.rename(Path(elsewhere) / folder.name)


@dataclass
class RunningPod:
    """The script, as it runs in one Pod."""

    process: subprocess.Popen[bytes]
    ready: Path
    log: Path
    authorities: Path

    def until_ready(self) -> RunningPod:
        """Wait until it says that all is written."""
        eventually(lambda: self.ready.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def ends(self) -> int:
        """Wait for its end, and give the exit code; well before Kubernetes would kill it."""
        return self.process.wait(timeout=5)

    def terminate(self) -> None:
        """End it as Kubernetes does, which it has to follow at once and without complaint."""
        self.process.terminate()
        assert self.ends() == 0
        assert self.log.read_text() == ""

    def kill(self) -> None:
        """End it as a lost node does."""
        self.process.kill()
        self.process.wait()


@dataclass
class Disk:
    """One node's disk, on which a DaemonSet's Pods run one after another or side by side."""

    root: Path
    shell: list[str]
    path: str
    """Where the shell finds programs."""
    pods: list[RunningPod] = field(default_factory=list)

    def run(
        self,
        uid: str = "uid-1",
        *,
        node: str = "node-1",
        registry_node: str = "node-1",
        pause: str = "10",
        after_mkdir: str = ":",
        before_mv: str = ":",
        given: str = "",
        **values: Any,  # noqa: ANN401 - any setting
    ) -> RunningPod:
        """Start a Pod of the DaemonSet that these settings declare, on `node`.

        `pause` is the time between two looks; `after_mkdir` is run as soon as a folder is made, `before_mv` when
        a file is written under its second name. `given` is what the Pod finds in place of its CAs.
        """
        recorder = declared(node=registry_node, **values)
        number = len(self.pods)
        ready, log = self.root / f"ready-{number}", self.root / f"log-{number}"
        ready.mkdir()
        trusted, served = self.root / f"authorities-{number}", self.root / "served"
        trusted.mkdir()
        served.mkdir(exist_ok=True)
        if authorities(recorder):
            (trusted / "ca.crt").write_text(given or authorities(recorder))
        for mount in container(recorder)["volumeMounts"]:
            (self.root / mount["mountPath"].removeprefix("/")).mkdir(parents=True, exist_ok=True)
        program, option, script = container(recorder)["command"]
        assert (program, option) == ("sh", "-c")
        for old, new in (
            ("/nodes", f"{self.root}/nodes"),
            ("/ready", str(ready)),
            ("/authorities", str(trusted)),
            ("/served", str(served)),
            ("sleep 10", f"sleep {pause}"),
            ('mkdir "$folder"', f'mkdir "$folder"; {after_mkdir}'),
            ("mv -f", f"{before_mv}; mv -f"),
        ):
            assert old in script
            script = script.replace(old, new)
        variables = {name: value.replace("/nodes", f"{self.root}/nodes") for name, value in env(recorder).items()}
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [*self.shell, option, script],
                env={**variables, "POD": uid, "NODE": node, "PATH": self.path},
                stderr=stderr,
                # With the pause that it leaves behind.
                start_new_session=True,
                cwd=self.root,
            )
        self.pods.append(RunningPod(process, ready / "yes", log, trusted / "ca.crt"))
        return self.pods[-1]

    def serve(self, **values: Any) -> None:  # noqa: ANN401 - any setting
        """Say that the registry now serves with these settings, as a finished `up` does."""
        [data] = [
            item.inputs["data"]
            for item in declared(**values).all(CONFIG_MAP).values()
            if item.name == "registry-trust-served"
        ]
        (self.root / "served").mkdir(exist_ok=True)
        for name, text in data.items():
            (self.root / "served" / name).write_text(text)

    def folder(self, address: str, runtime: str = CONTAINERD) -> Path:
        """Give the folder of an address."""
        return self.root / f"nodes{runtime}" / address

    def files(self) -> set[str]:
        """Give all that is in the runtimes' folders, as paths on the node."""
        top = self.root / "nodes"
        held = (path for path in top.rglob("*") if "certs.d/" in str(path.relative_to(top)))
        return {f"/{path.relative_to(top)}" for path in held}


@pytest.fixture(params=SHELLS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Give a node's disk with nothing on it; no Pod outlives the test."""
    if request.param == "busybox":
        programs = tmp_path / "programs"
        programs.mkdir()
        busybox = shutil.which("busybox")
        assert busybox
        for name in ("cat", "head", "mkdir", "mv", "rm", "rmdir", "sed", "sha256sum", "sleep", "touch"):
            (programs / name).symlink_to(busybox)
        made = Disk(tmp_path, [busybox, "sh"], str(programs))
    else:
        made = Disk(tmp_path, ["sh"], os.environ["PATH"])
    yield made
    for running in made.pods:
        try:
            os.killpg(running.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            # The Pod and its last pause have ended by themselves.
            continue
        running.process.wait()


def test_containerd_is_told_address_and_ca(disk: Disk) -> None:
    """In the form that it reads at each pull; the CA's path counts from the folder itself.

    With a host in the table, it would ask for a missing image twice, and report the second answer; without the
    table, version 1.6 does not read the file.
    """
    disk.run().until_ready()

    for address in ("10.0.0.5:5000", "localhost:5000"):
        folder = disk.folder(address)
        assert {path.name for path in folder.iterdir()} == {"hosts.toml", CERTIFICATE, RECORD}
        assert tomllib.loads((folder / "hosts.toml").read_text()) == {
            "server": f"https://{address}",
            "ca": CERTIFICATE,
            "host": {},
        }
        assert (folder / CERTIFICATE).read_text().strip() == CA.certificate.strip()


def test_docker_is_told_the_ca_alone(disk: Disk) -> None:
    """It takes every `*.crt` of the folder for one, and knows no other file."""
    disk.run(node_trust="minikube").until_ready()

    folder = disk.folder("10.0.0.5:5000", DOCKER)
    assert {path.name for path in folder.iterdir()} == {CERTIFICATE, RECORD}
    assert (folder / CERTIFICATE).read_text().strip() == CA.certificate.strip()
    assert (disk.folder("10.0.0.5:5000") / "hosts.toml").exists()


def test_containerd_is_told_of_plain_http_without_any_ca(disk: Disk) -> None:
    """At an address other than loopback, which needs no file."""
    disk.run(tls="off", allow_plain_http=True).until_ready()

    assert disk.files() == {
        f"{CONTAINERD}/10.0.0.5:5000",
        f"{CONTAINERD}/10.0.0.5:5000/hosts.toml",
        f"{CONTAINERD}/10.0.0.5:5000/{RECORD}",
    }
    assert tomllib.loads((disk.folder("10.0.0.5:5000") / "hosts.toml").read_text()) == {
        "server": "http://10.0.0.5:5000",
        "host": {},
    }


def test_ipv6_address_is_a_name_and_no_pattern(disk: Disk) -> None:
    """To a shell, the brackets stand for any of the letters in them."""
    alike = disk.folder("1:5000")
    alike.mkdir(parents=True)
    pod = disk.run(push_host="::1").until_ready()

    document = tomllib.loads((disk.folder("[::1]:5000") / "hosts.toml").read_text())
    assert document["server"] == "https://[::1]:5000"
    pod.terminate()
    assert disk.files() == {f"{CONTAINERD}/1:5000"}


def test_end_takes_away_exactly_what_was_made(disk: Disk) -> None:
    """At once, though the script is in the middle of its pause; other registries keep their folders."""
    foreign = disk.folder("other.test") / "hosts.toml"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('server = "https://mirror.test"\n')
    before = disk.files()
    pod = disk.run(node_trust="minikube").until_ready()
    assert len(disk.files()) == len(before) + 4 + 2 * 3 + 2 * 2

    pod.terminate()
    assert disk.files() == before
    assert foreign.read_text() == 'server = "https://mirror.test"\n'


@pytest.mark.parametrize("foreign", ["", "client.cert"], ids=["empty", "with a file"])
def test_folder_that_was_there_before_stays(disk: Disk, foreign: str) -> None:
    """With what was in it, even if that is nothing."""
    folder = disk.folder("10.0.0.5:5000")
    folder.mkdir(parents=True)
    if foreign:
        (folder / foreign).write_text("foreign")
    pod = disk.run().until_ready()
    assert (folder / "hosts.toml").exists()

    pod.terminate()
    assert {path.name for path in folder.iterdir()} == ({foreign} if foreign else set())
    assert not disk.folder("localhost:5000").exists()


def test_folder_that_somebody_put_a_file_into_stays_with_it(disk: Disk) -> None:
    """Though it was ours: nothing of others is removed."""
    pod = disk.run().until_ready()
    (disk.folder("10.0.0.5:5000") / "client.cert").write_text("foreign")

    pod.terminate()
    assert disk.files() == {f"{CONTAINERD}/10.0.0.5:5000", f"{CONTAINERD}/10.0.0.5:5000/client.cert"}


def test_another_tools_file_is_refused_by_its_name_on_the_node(disk: Disk) -> None:
    """Before anything is written, also elsewhere: a node that trusts one address of two is hard to understand."""
    foreign = disk.folder("localhost:5000") / "hosts.toml"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("foreign")
    before = disk.files()
    pod = disk.run()

    assert pod.ends() == 1
    assert pod.log.read_text() == (
        f"{CONTAINERD}/localhost:5000/hosts.toml is another tool's: remove it on node node-1, "
        "or set nodeTrust to off and have that file trust the registry\n"
    )
    assert disk.files() == before
    assert foreign.read_text() == "foreign"
    assert not pod.ready.exists()


def test_newer_pod_takes_over_and_the_older_one_leaves_it_all(disk: Disk) -> None:
    """With its own CA, before the older one goes; the newer one's end then takes away even what was made before."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    older = disk.run("uid-1").until_ready()
    newer = disk.run(
        "uid-2", tls="provided", tls_certificate=pair.certificate, tls_key=pair.key, tls_ca=authority.pem
    ).until_ready()
    files = disk.files()

    older.terminate()
    assert disk.files() == files
    assert "hosts.toml" in {path.name for path in disk.folder("10.0.0.5:5000").iterdir()}
    assert "BEGIN CERTIFICATE" in (disk.folder("10.0.0.5:5000") / CERTIFICATE).read_text()
    assert (disk.folder("10.0.0.5:5000") / CERTIFICATE).read_text().strip() != CA.certificate.strip()
    newer.terminate()
    assert disk.files() == set()


def test_older_pod_takes_away_what_the_newer_one_does_not_want(disk: Disk) -> None:
    """Such as the folders of an address that is no longer the registry's."""
    older = disk.run("uid-1").until_ready()
    disk.run("uid-2", push_host="push.test").until_ready()

    older.terminate()
    assert not disk.folder("localhost:5000").exists()
    assert (disk.folder("10.0.0.5:5000") / "hosts.toml").exists()
    assert (disk.folder("push.test:5000") / "hosts.toml").exists()


def test_ca_that_is_no_longer_trusted_goes_with_the_next_pod(disk: Disk) -> None:
    """Docker would take what is left for a CA, whatever else is told."""
    disk.run("uid-1").until_ready()
    disk.run("uid-2", tls="off", allow_plain_http=True).until_ready()

    assert not (disk.folder("10.0.0.5:5000") / CERTIFICATE).exists()
    assert "http://" in (disk.folder("10.0.0.5:5000") / "hosts.toml").read_text()


@pytest.mark.parametrize("uid", ["uid-1", "uid-2"], ids=["same Pod", "next Pod"])
def test_files_of_a_pod_that_was_killed_are_found_again(disk: Disk, uid: str) -> None:
    """As after a node's power cut: they are no other tool's, and go with who comes next."""
    there = disk.folder("localhost:5000")
    there.mkdir(parents=True)
    disk.run("uid-1").until_ready().kill()
    pod = disk.run(uid).until_ready()

    pod.terminate()
    assert disk.files() == {f"{CONTAINERD}/localhost:5000"}


def test_folder_that_somebody_removed_is_put_back(disk: Disk) -> None:
    """Within seconds, as when an upgrade of the runtime has cleared its folders; and goes with the Pod."""
    pod = disk.run(pause="0.02").until_ready()
    files = disk.files()
    remove(disk.folder("10.0.0.5:5000"))

    eventually(lambda: disk.files() == files)
    assert (disk.folder("10.0.0.5:5000") / CERTIFICATE).read_text().strip() == CA.certificate.strip()
    pod.terminate()
    assert disk.files() == set()


@pytest.mark.parametrize("name", [CERTIFICATE, "hosts.toml"])
def test_single_file_that_somebody_removed_is_put_back(disk: Disk, name: str) -> None:
    """With the record still there, a runtime would go on with half of what it needs."""
    disk.run(pause="0.02").until_ready()
    files = disk.files()
    (disk.folder("10.0.0.5:5000") / name).unlink()

    eventually(lambda: disk.files() == files)


def test_file_that_somebody_put_in_place_of_ours_stays_at_the_end(disk: Disk) -> None:
    """Whoever edits it takes it over, though the folder is ours."""
    pod = disk.run().until_ready()
    rule = disk.folder("10.0.0.5:5000") / "hosts.toml"
    rule.write_text("foreign")

    pod.terminate()
    assert rule.read_text() == "foreign"
    assert [path.name for path in rule.parent.iterdir()] == ["hosts.toml"]


def test_record_that_somebody_removed_is_written_again(disk: Disk) -> None:
    """The file beside it still says whose it is."""
    pod = disk.run(pause="0.02").until_ready()
    files = disk.files()
    (disk.folder("10.0.0.5:5000") / RECORD).unlink()

    eventually(lambda: disk.files() == files)
    pod.terminate()
    assert not (disk.folder("10.0.0.5:5000") / "hosts.toml").exists()


def test_file_that_another_tool_put_there_later_stays(disk: Disk) -> None:
    """Once somebody has cleared the folder for it, it is no longer ours."""
    disk.run(pause="0.02").until_ready()
    folder = disk.folder("10.0.0.5:5000")
    (folder / "hosts.toml").write_text("foreign")
    (folder / RECORD).unlink()
    # A folder that is put back shows that a look at all of them has passed.
    remove(disk.folder("localhost:5000"))
    eventually((disk.folder("localhost:5000") / "hosts.toml").exists)

    assert (folder / "hosts.toml").read_text() == "foreign"
    assert not (folder / RECORD).exists()


def test_end_in_the_middle_of_a_start_leaves_nothing(disk: Disk) -> None:
    """As when a Pod is replaced right away: here it is ended while it makes its first folder."""
    pod = disk.run(after_mkdir="kill -TERM $$")

    assert pod.ends() == 0
    assert disk.files() == set()


def test_end_while_a_file_is_put_back_leaves_nothing(disk: Disk) -> None:
    """Not what was written under its second name either."""
    pod = disk.run(pause="0.02", before_mv="sleep 0.1").until_ready()
    folder = disk.folder("10.0.0.5:5000")
    (folder / "hosts.toml").unlink()
    eventually((folder / "hosts.toml.new").exists)

    pod.terminate()
    assert disk.files() == set()


def test_a_file_that_a_killed_pod_has_not_moved_goes_with_the_next_one(disk: Disk) -> None:
    """Though the next one may not write that file at all."""
    disk.run("uid-1").until_ready().kill()
    (disk.folder("10.0.0.5:5000") / f"{BEFORE}.new").write_text("half")
    pod = disk.run("uid-2").until_ready()

    pod.terminate()
    assert disk.files() == set()


def test_folder_of_a_runtime_may_have_a_space_in_its_name(disk: Disk) -> None:
    """As any folder of a node."""
    disk.run(containerd_certs="/srv/my certs.d").until_ready()

    assert (disk.folder("10.0.0.5:5000", "/srv/my certs.d") / "hosts.toml").exists()


@pytest.mark.parametrize(
    ("kind", "docker"),
    [({}, DOCKER), ({}, "/srv/my certs.d"), ({"containerd_certs": "/srv/certs"}, "/srv/certs/docker")],
    ids=["no containerd", "no containerd and a space", "inside containerd's folder"],
)
def test_f11_docker_s_folder_holds_no_file_of_containerd_s(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, kind: dict[str, str], docker: str
) -> None:
    """Whatever containerd's folder is called, and without one: a kind of nodes may have Docker or CRI-O alone."""
    monkeypatch.setitem(runtimes.NODES, "kubeadm", CertsFolders("", docker))
    pod = disk.run(**kind).until_ready()

    for address in ("10.0.0.5:5000", "localhost:5000"):
        folder = disk.folder(address, docker)
        assert {path.name for path in folder.iterdir()} == {CERTIFICATE, RECORD}
    # The look that puts back what is missing must not miss a file that does not belong there.
    pod.terminate()
    assert {file for file in disk.files() if file.startswith(docker)} == set()


def test_f11_another_tool_s_containerd_file_in_docker_s_folder_is_left_alone(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containerd does not look there, so the file says nothing about the registry."""
    monkeypatch.setitem(runtimes.NODES, "kubeadm", CertsFolders("", DOCKER))
    foreign = disk.folder("10.0.0.5:5000", DOCKER) / "hosts.toml"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("foreign")
    pod = disk.run().until_ready()

    assert (foreign.parent / CERTIFICATE).exists()
    pod.terminate()
    assert [path.read_text() for path in foreign.parent.iterdir()] == ["foreign"]


LOOPBACKS: Final = {"localhost": "localhost", "127.0.0.1": "127.0.0.1", "127.8.8.8": "127.8.8.8", "::1": "[::1]"}


@pytest.mark.parametrize("host", LOOPBACKS)
def test_f4_only_the_registry_s_node_is_told_of_a_loopback_address(disk: Disk, host: str) -> None:
    """On any other node the same address leads to somebody else's registry, or to none."""
    address = f"{LOOPBACKS[host]}:5000"
    pod = disk.run(node="node-2", node_trust="minikube", push_host=host).until_ready()
    assert disk.folder("10.0.0.5:5000").exists()
    assert disk.folder("10.0.0.5:5000", DOCKER).exists()
    assert not disk.folder(address).exists()
    assert not disk.folder(address, DOCKER).exists()
    pod.terminate()

    disk.run(node="node-1", node_trust="minikube", push_host=host).until_ready()
    assert (disk.folder(address) / "hosts.toml").exists()
    assert (disk.folder(address, DOCKER) / CERTIFICATE).exists()


def test_f4_a_rule_of_another_registry_at_the_same_loopback_address_stays(disk: Disk) -> None:
    """On another node it is in nobody's way."""
    foreign = disk.folder("localhost:5000") / "hosts.toml"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('server = "http://localhost:5000"\n')
    disk.run(node="node-2").until_ready().terminate()

    assert foreign.read_text() == 'server = "http://localhost:5000"\n'
    assert disk.files() == {f"{CONTAINERD}/localhost:5000", f"{CONTAINERD}/localhost:5000/hosts.toml"}


def test_f4_the_rule_leaves_a_node_that_is_no_longer_the_registry_s(disk: Disk) -> None:
    """As after an upgrade from a version that told every node, or a move to another node."""
    older = disk.run("uid-1", node="node-2", registry_node="node-2").until_ready()
    assert disk.folder("localhost:5000").exists()
    disk.run("uid-2", node="node-2").until_ready()

    older.terminate()
    assert not disk.folder("localhost:5000").exists()
    assert (disk.folder("10.0.0.5:5000") / "hosts.toml").exists()


def test_n08_a_bundle_of_a_company_s_cas_is_written_as_it_is(disk: Disk) -> None:
    """Far longer than what Linux takes as one variable of a process (128 KiB)."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    bundle = authority.pem + "".join(Authority().pem for _ in range(400))
    assert len(bundle) > 200_000
    pod = disk.run(
        pause="0.02", tls="provided", tls_certificate=pair.certificate, tls_key=pair.key, tls_ca=bundle
    ).until_ready()
    written = disk.folder("10.0.0.5:5000") / CERTIFICATE

    assert written.read_text() == bundle
    written.unlink()
    eventually(written.exists)
    assert written.read_text() == bundle
    pod.terminate()


def other_ca() -> dict[str, Any]:
    """Give the settings of a certificate of one more CA."""
    authority = Authority()
    pair = authority.issue("10.0.0.5")
    return {"tls": "provided", "tls_certificate": pair.certificate, "tls_key": pair.key, "tls_ca": authority.pem}


def trusts(folder: Path) -> set[str]:
    """Give what a runtime takes for CAs: Docker each `*.crt` there, containerd those that its file names."""
    rule = folder / "hosts.toml"
    if rule.exists():
        named = tomllib.loads(rule.read_text())["ca"]
        files = [folder / name for name in ([named] if isinstance(named, str) else named)]
        assert sorted(files) == sorted(folder.glob("*.crt"))
    return {path.read_text().strip() for path in folder.glob("*.crt")}


def test_f6_the_ca_before_is_trusted_until_the_next_one_is_served(disk: Disk) -> None:
    """An `up` that cannot tell one node goes no further: until it does, the registry serves what it served."""
    first, second = {"node_trust": "minikube"}, {"node_trust": "minikube", **other_ca()}
    older = disk.run("uid-1", **first).until_ready()
    disk.serve(**first)
    newer = disk.run("uid-2", pause="0.02", **second).until_ready()
    older.terminate()
    folders = [disk.folder("10.0.0.5:5000", runtime) for runtime in (CONTAINERD, DOCKER)]

    new, old = second["tls_ca"].strip(), CA.certificate.strip()
    assert [trusts(folder) for folder in folders] == [{new, old}] * 2
    disk.serve(**second)
    eventually(lambda: not any((folder / BEFORE).exists() for folder in folders))
    eventually(lambda: [trusts(folder) for folder in folders] == [{new}] * 2)
    assert tomllib.loads((folders[0] / "hosts.toml").read_text())["ca"] == CERTIFICATE
    newer.terminate()
    assert disk.files() == set()


def test_f6_a_third_ca_leaves_the_served_one_trusted(disk: Disk) -> None:
    """As when the second was a mistake: nobody has ever served it."""
    disk.serve()
    pods = [disk.run(f"uid-{number}", **values).until_ready() for number, values in enumerate(({}, other_ca()))]
    third = other_ca()
    pods.append(disk.run("uid-3", **third).until_ready())

    assert trusts(disk.folder("10.0.0.5:5000")) == {third["tls_ca"].strip(), CA.certificate.strip()}
    for pod in pods:
        pod.terminate()
    assert disk.files() == set()


def test_f6_the_way_back_leaves_nothing_of_the_ca_that_was_never_served(disk: Disk) -> None:
    """The settings of before, and all is as it was."""
    disk.serve()
    disk.run("uid-1").until_ready()
    files = disk.files()
    disk.run("uid-2", **other_ca()).until_ready()
    disk.run("uid-3").until_ready()

    assert disk.files() == files
    assert trusts(disk.folder("10.0.0.5:5000")) == {CA.certificate.strip()}


def test_f6_a_bundle_with_the_ca_before_in_it_needs_no_second_file(disk: Disk) -> None:
    """As each generation of our own has."""
    disk.serve()
    disk.run("uid-1").until_ready()
    files = disk.files()
    disk.run("uid-2", ca_generation=2).until_ready()

    assert disk.files() == files


def test_f6_without_a_word_of_what_is_served_both_are_trusted(disk: Disk) -> None:
    """As after an upgrade from a version that did not say it."""
    disk.run("uid-1").until_ready()
    second = other_ca()
    disk.run("uid-2", **second).until_ready()

    assert trusts(disk.folder("10.0.0.5:5000")) == {second["tls_ca"].strip(), CA.certificate.strip()}


def test_f6_the_ca_before_is_put_back_when_somebody_removes_it(disk: Disk) -> None:
    """With all else of the folder: it is what is served."""
    disk.serve()
    disk.run("uid-1").until_ready()
    disk.run("uid-2", pause="0.02", **other_ca()).until_ready()
    folder = disk.folder("10.0.0.5:5000")
    files, trusted = disk.files(), trusts(folder)
    remove(folder)

    eventually(lambda: disk.files() == files)
    assert trusts(folder) == trusted


def test_f6_a_pod_waits_for_the_cas_that_it_was_made_for(disk: Disk) -> None:
    """A kubelet may have an older content for a while; the node is not said to be ready with that."""
    new = other_ca()
    pod = disk.run(given=CA.certificate, **new)
    time.sleep(1.5)
    assert not pod.ready.exists()
    assert disk.files() == set()

    pod.authorities.write_text(new["tls_ca"])
    pod.until_ready()
    assert trusts(disk.folder("10.0.0.5:5000")) == {new["tls_ca"].strip()}


def test_f6_a_pod_that_waits_for_its_cas_ends_at_once(disk: Disk) -> None:
    """As every other."""
    pod = disk.run(given=CA.certificate, **other_ca())
    time.sleep(0.5)

    pod.terminate()
    assert disk.files() == set()


def test_f6_a_pod_that_starts_again_during_an_update_keeps_its_own_cas(disk: Disk) -> None:
    """By then it is given the next ones, which are the next Pod's: the registry does not serve them yet."""
    disk.serve()
    disk.run("uid-1").until_ready().kill()
    files = disk.files()
    pod = disk.run("uid-1", given=other_ca()["tls_ca"]).until_ready()

    assert disk.files() == files
    assert trusts(disk.folder("10.0.0.5:5000")) == {CA.certificate.strip()}
    pod.terminate()
    assert disk.files() == set()
