"""Without an account the registry serves nothing; with one it pushes, pulls, lists and deletes."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.live import abuse
from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import MANIFEST, forget_peak, peak, readiness, registries
from tests.live.raw import Raw, basic
from tests.live.registry_client import IMAGE_INDEX, Client, index_of

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ROUTES = (
    "/v2/",
    "/v2/_catalog",
    "/v2/_catalog?n=1",
    "/v2/{name}/tags/list",
    "/v2/{name}/tags/list?n=1&last=a",
    "/v2/{name}/manifests/{tag}",
    "/v2/{name}/manifests/{digest}",
    "/v2/{name}/blobs/{blob}",
    "/v2/{name}/blobs/uploads/",
    "/v2/{name}/blobs/uploads/?digest={blob}",
    "/v2/{name}/blobs/uploads/?mount={blob}&from={name}",
    "{upload}",
    "{upload}&digest={blob}",
    # Names that are not there must not be told from those that are.
    "/v2/absent/tags/list",
    "/v2/absent/manifests/latest",
    "/v2/absent/blobs/{blob}",
)
"""Every route of the OCI distribution specification 1.1 that the registry has, and its catalog. It has none
for referrers: see `test_referrers_are_no_route`."""


def _basic(pair: str) -> str:
    return "Authorization: Basic " + base64.b64encode(pair.encode()).decode()


_NO_ENTRY: dict[str, Sequence[str]] = {
    "anonymous": (),
    "wrong password": (_basic(f"{USER}:wrong"),),
    "empty password": (_basic(f"{USER}:"),),
    "password with a blank": (_basic(f"{USER}:{PASSWORD} "),),
    "unknown user": (_basic(f"nobody:{PASSWORD}"),),
    "user in another case": (_basic(f"{USER.upper()}:{PASSWORD}"),),
    "empty user": (_basic(f":{PASSWORD}"),),
    "no colon": (_basic(USER + PASSWORD),),
    "no base64": ("Authorization: Basic %%%%",),
    "not encoded": (f"Authorization: Basic {USER}:{PASSWORD}",),
    "scheme alone": ("Authorization: Basic",),
    "no scheme": ("Authorization: " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),),
    "other scheme": ("Authorization: Bearer " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),),
    "digest scheme": (f'Authorization: Digest username="{USER}", realm="private-registry", response="00"',),
    "wrong one first": (_basic(f"{USER}:wrong"), _basic(f"{USER}:{PASSWORD}")),
    "another header": ("Proxy-" + _basic(f"{USER}:{PASSWORD}"),),
}
"""What clients may send that is no right account, by what is wrong with it."""


@dataclass(frozen=True)
class Known:
    """Real names within the deployed registry, so that a route that let someone in would answer 2xx."""

    digest: str
    blob: str
    upload: str

    def path(self, route: str) -> str:
        """Fill a route in."""
        values = {"name": "alpine_test", "tag": "test_1.0", "digest": self.digest, "blob": self.blob}
        return route.format(**values, upload=self.upload)


@pytest.fixture(scope="module")
def known(lab: Node, stack: Stack) -> Known:
    """The registry deployed, with the test image and an upload that is under way."""
    assert stack.up().code == 0
    manifest = lab.registry("/v2/alpine_test/manifests/test_1.0", headers=[MANIFEST])
    upload = lab.registry("/v2/alpine_test/blobs/uploads/", method="POST", headers=["Content-Length: 0"])
    return Known(
        digest=manifest.headers["docker-content-digest"],
        blob=json.loads(manifest.body)["config"]["digest"],
        upload=upload.headers["location"],
    )


@pytest.mark.parametrize("headers", _NO_ENTRY.values(), ids=list(_NO_ENTRY))
def test_without_a_right_account_every_route_answers_401(known: Known, lab: Node, headers: Sequence[str]) -> None:
    """Whatever the route and the method, the answer is 401 with the challenge that makes clients log in."""
    asked = [(route, method) for route in _ROUTES for method in _METHODS]
    answers = _ask(lab, [(method, known.path(route)) for route, method in asked], headers)

    assert len(answers) == len(asked)
    refused = '401 Basic realm="private-registry"'
    assert {key: answer for key, answer in zip(asked, answers, strict=True) if answer != refused} == {}


def _ask(lab: Node, requests: Sequence[tuple[str, str]], headers: Sequence[str]) -> list[str]:
    """Send (method, path) requests without an account; give status and challenge of each. One process for all."""
    lines = []
    for method, path in requests:
        lines += ["next", f'url = "https://{PUSH_ADDRESS}{path}"', f'cacert = "{CA_FILE}"', f'request = "{method}"']
        lines += ["max-time = 20", 'output = "/dev/null"']
        lines += [r'write-out = "%{http_code} %header{www-authenticate}\n"']
        lines += ["head"] if method == "HEAD" else []
        lines += [f"header = {json.dumps(header)}" for header in headers]
    return lab.run(["curl", "--silent", "--config", "-"], stdin="\n".join(lines[1:])).stdout.splitlines()


def test_the_node_address_asks_for_the_account_too(known: Known, lab: Node) -> None:
    """Where nodes pull from is the same door."""
    path = known.path("/v2/{name}/manifests/{digest}")

    assert lab.registry(path, account=None, address=ADDRESS).status == 401
    assert lab.registry(path, account=(USER, "wrong"), address=ADDRESS).status == 401
    assert lab.registry(path, address=ADDRESS, headers=[MANIFEST]).status == 200


def test_the_service_address_asks_for_the_account_too(known: Known, lab: Node) -> None:
    """So is what Pods of the cluster reach."""
    address = "registry.default.svc:5000"
    resolve = f"{address}:{lab.get('service', 'registry')['spec']['clusterIP']}"
    path = known.path("/v2/{name}/tags/list")

    assert lab.registry(path, account=None, address=address, resolve=resolve).status == 401
    assert lab.registry("/v2/_catalog", address=address, resolve=resolve).status == 200


@pytest.mark.parametrize("route", _ROUTES)
def test_the_account_is_let_in_on_every_route(known: Known, lab: Node, route: str) -> None:
    """Reading with the right account never ends in 401, so that the 401s above come from the account alone."""
    for method in ("GET", "HEAD"):
        assert lab.registry(known.path(route), method=method, headers=[MANIFEST]).status in {200, 204, 404, 405}


@pytest.mark.usefixtures("known")
def test_only_the_root_is_open(lab: Node) -> None:
    """`/` says nothing and serves the probes; metrics, profiles and health reports are not there at all."""
    root = lab.registry("/", account=None)
    others = {
        path: lab.registry(path, account=None).status
        for path in ("/metrics", "/debug/health", "/debug/vars", "/debug/pprof/", "/v1/", "/V2/", "/v2/x", "/x")
    }

    assert (root.status, root.body) == (200, "")
    assert set(others.values()) == {404}, others
    assert lab.registry("/v2/../v2/_catalog", account=None).status == 401
    assert lab.registry("/v2/%2e%2e/v2/_catalog", account=None).status in {301, 401, 404}


def test_referrers_are_no_route(known: Known, lab: Node) -> None:
    """The registry does not have the specification's route for referrers: it is 404 to everybody."""
    path = f"/v2/alpine_test/referrers/{known.digest}"

    assert {lab.registry(path).status, lab.registry(path, account=None).status} == {404}


def test_no_other_port_of_the_registry_answers(known: Known, lab: Node) -> None:
    """The Pod listens on the registry's port alone: there is no debug server beside it."""
    assert known
    pod = lab.get("pods", "--selector=app.kubernetes.io/name=registry")["items"][0]
    tables = lab.kubectl("exec", "deployment/registry", "--", "cat", "/proc/net/tcp", "/proc/net/tcp6")
    rows = [line.split() for line in tables.splitlines()]
    listening = {int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == "0A"}

    assert pod["spec"].get("hostNetwork") in {None, False}
    assert listening == {5000}


def test_the_account_pushes_pulls_lists_and_deletes(known: Known, lab: Node) -> None:
    """The whole life of an image, with no step that the account may not do."""
    assert known
    config = b"{}"
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    start = lab.registry("/v2/by-hand/blobs/uploads/", method="POST", headers=["Content-Length: 0"])
    upload = start.headers["location"]
    body = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": 2},
            "layers": [],
        }
    )
    blob = _put(lab, f"{upload}&digest={digest}", config.decode(), "application/octet-stream")
    manifest = _put(lab, "/v2/by-hand/manifests/one", body, "application/vnd.oci.image.manifest.v1+json")
    pulled = lab.registry(
        "/v2/by-hand/manifests/one", headers=["Accept: application/vnd.oci.image.manifest.v1+json"]
    )
    catalog = json.loads(lab.registry("/v2/_catalog").body)["repositories"]
    deleted = lab.registry(
        f"/v2/by-hand/manifests/{pulled.headers['docker-content-digest']}", method="DELETE"
    ).status

    assert (blob, manifest) == (201, 201)
    assert json.loads(pulled.body) == json.loads(body)
    assert catalog == ["alpine_test", "by-hand"]
    assert deleted == 202
    assert lab.registry("/v2/by-hand/manifests/one").status == 404


def _put(lab: Node, path: str, body: str, media_type: str) -> int:
    """Upload a small body with the right account."""
    words = ["curl", "--silent", "--request", "PUT", "--user", f"{USER}:{PASSWORD}", "--write-out", "%{http_code}"]
    words += ["--header", f"Content-Type: {media_type}", "--data-binary", body]
    words += ["--cacert", CA_FILE, f"https://{PUSH_ADDRESS}{path}"]
    return int(lab.run(words).stdout[-3:])


ACCOUNT = basic(USER, PASSWORD)
REPOSITORIES = "/data/registry/registry/docker/registry/v2/repositories"


@pytest.fixture
def raw(known: Known, lab: Node) -> Raw:
    """The registry, for requests that no client sends."""
    assert known
    host, _, port = ADDRESS.partition(":")
    # Without the door the registry would choose HTTP/2.
    return Raw(lab, host, int(port), ["http/1.1"])


def test_manifests_without_an_end_are_refused_and_take_little_memory(raw: Raw, lab: Node) -> None:
    """The registry reads 4 MiB of each."""
    [registry] = registries(lab)
    forget_peak(registry)
    answers = abuse.endless_manifests(raw.connected, ACCOUNT, "endless", clients=20, at_most=1 << 30)

    assert {answer[:3] for answer in answers} == {"400"}
    assert {"request body too large" in answer for answer in answers} == {True}
    assert answers.total() == 20
    assert peak(registry) < 512 << 20


def test_a_manifest_just_below_the_limit_is_taken(known: Known, lab: Node) -> None:
    """An index of thousands of images."""
    client = Client(lab)
    index = index_of(known.digest, size=4 << 20)
    reply = client.push_manifest("alpine_test", "large", index, IMAGE_INDEX)
    pulled = client.manifest("alpine_test", "large")
    client.close()

    assert 4_190_000 < len(index) <= 4 << 20
    assert reply.status == 201
    assert pulled.body == index


def test_nobody_is_given_more_than_a_thousand_names_at_a_time(raw: Raw, lab: Node) -> None:
    """The registry makes room for as many as are asked for, before it looks what there is."""
    for number in range(1001):
        lab.path(f"{REPOSITORIES}/many/{number:04}/_manifests").mkdir(parents=True)
    whole = raw.ask("GET", "/v2/_catalog?n=1000", [ACCOUNT])
    replies = [raw.ask("GET", f"/v2/_catalog?n={number}", [ACCOUNT]) for number in (1001, 1_000_000_000)]
    shutil.rmtree(lab.path(f"{REPOSITORIES}/many"))

    assert len(json.loads(whole.body)["repositories"]) == 1000
    assert "link" in whole.headers
    assert [reply.status for reply in replies] == [400, 400]
    assert all(b"PAGINATION_NUMBER_INVALID" in reply.body for reply in replies)


def test_slow_clients_take_nothing_from_others(raw: Raw, lab: Node) -> None:
    """They stay for as long as they like: the registry has no limit of time, and none can be set."""
    client, before = Client(lab), readiness(lab)
    sending = abuse.bodies(client, "slow", ACCOUNT, 20)
    reading = abuse.readers(client, "slow", ACCOUNT, 20, size=16 << 20)
    with (
        abuse.Slow.beginning(raw.connected, [abuse.HEAD] * 20, sends=b"a") as heads,
        abuse.Slow.beginning(raw.connected, sending, sends=b"a") as slow_bodies,
        abuse.Slow.beginning(raw.connected, reading) as slow_readers,
    ):
        assert {client.manifest("alpine_test", "test_1.0").status for _ in range(100)} == {200}
        assert [len(slow.connections) for slow in (heads, slow_bodies, slow_readers)] == [20, 20, 20]
        assert readiness(lab) == before
    client.close()
