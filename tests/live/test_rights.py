"""Accounts with rights: what each may do, by any spelling of a request, by the node's port and by the Service.

The requests are those by which other doors were passed, and more; see also tests/cases.md.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import parts
from lab.images import NGINX
from tests.live import abuse
from tests.live.harness import ADDRESS, CA_FILE, PASSWORD, PUSH_ADDRESS, USER, Node, Stack
from tests.live.observation import forget_peak, peak, readiness, registries, running, until
from tests.live.raw import Raw, basic
from tests.live.refusals import crane, docker, documented, printed
from tests.live.registry_client import IMAGE_INDEX, Client, Image, Reply, digest_of, index_of, place_of

OWN, OWN2, SECRET, ABSENT = "team-a/app", "team-a/app2", "team-b/secret", digest_of(b"absent")
RIGHTS = {
    "ci": "push team-a/*",
    "bee": "push team-a/app",
    "cleaner": "delete team-a/app",
    "other": "push team-c/*",
    "auditor": "catalog",
}
PASSWORDS = {name: f"{name}-password-1" for name in RIGHTS}
ACCEPT = "Accept: application/vnd.oci.image.manifest.v1+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REFUSED = {400, 403, 404}
LONGEST_LINE = 4096


@dataclass(frozen=True)
class Door:
    """The registry with rights, and what is in it."""

    ways: Mapping[str, Raw]
    accounts: Mapping[str, str]
    """Header by account."""
    own: Image
    secret: Image

    @property
    def raw(self) -> Raw:
        """The usual way."""
        return self.ways["port of the node"]

    def ask(self, account: str, method: str, target: str, headers: Sequence[str] = (), body: bytes = b"") -> Reply:
        """Send a request with an account."""
        return self.raw.ask(method, target, [self.accounts[account], ACCEPT, *headers], body)

    def upload(self, account: str, repository: str) -> str:
        """Begin an upload; give its place."""
        begun = self.ask(account, "POST", f"/v2/{repository}/blobs/uploads/")
        assert begun.status == 202, begun
        return place_of(begun.headers["location"])


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Stack:
    """The stack with rights."""
    stack.set("doorImage", NGINX)
    stack.set("deleteEnabled", "true")
    for name, rights in RIGHTS.items():
        stack.set(f"users.{name}", PASSWORDS[name], secret=True, path=True)
        stack.set(f"rights.{name}", rights, path=True)
    stack.up()
    return stack


@pytest.fixture(scope="module")
def door(deployed: Stack, lab: Node) -> Door:
    """With an image of one team, and one of another."""
    assert deployed
    own, secret = Image.random(1000, 2000), Image.random(3000)
    owner = Client(lab)
    assert owner.push(OWN, "v1", own).status == 201
    assert owner.push(SECRET, "v1", secret).status == 201
    owner.close()
    [entry] = {json.dumps(each) for each in pull_secret(lab)["auths"].values()}
    accounts = {**PASSWORDS, USER: PASSWORD, "pull": json.loads(entry)["password"]}
    host, _, port = ADDRESS.partition(":")
    cluster_ip = lab.get("service", "registry")["spec"]["clusterIP"]
    return Door(
        {"port of the node": Raw(lab, host, int(port)), "Service": Raw(lab, cluster_ip, 5000)},
        {name: basic(name, password) for name, password in accounts.items()},
        own,
        secret,
    )


def pull_secret(lab: Node) -> dict[str, dict[str, dict[str, str]]]:
    """What nodes log in with."""
    data = lab.get("secret", "regcred")["data"][".dockerconfigjson"]
    found: dict[str, dict[str, dict[str, str]]] = json.loads(base64.b64decode(data))
    return found


STRANGERS: Mapping[str, Sequence[str]] = {
    "nobody": (),
    "wrong password": (basic("ci", "wrong"),),
    "unknown account": (basic("ghost", PASSWORDS["ci"]),),
    "account in another case": (basic("CI", PASSWORDS["ci"]),),
    "another's password": (basic("pull", PASSWORDS["ci"]),),
    "empty name": (basic("", PASSWORDS["ci"]),),
    "empty password": (basic("ci", ""),),
    "no base64": ("Authorization: Basic %%%%",),
    "bearer": (basic("ci", PASSWORDS["ci"]).replace("Basic", "Bearer"),),
    "no colon": (f"Authorization: Basic {base64.b64encode(b'ci').decode()}",),
    "another header": (f"Proxy-{basic('ci', PASSWORDS['ci'])}",),
    "a name of a header": ("X-Remote-User: ci", "Remote-User: ci"),
}

PULLED: Mapping[str, str] = {"GET": "pull", "HEAD": "pull"}
ROUTES: Mapping[str, Mapping[str, str]] = {
    "/v2/": {"GET": "ping", "HEAD": "ping"},
    "/v2/_catalog": {"GET": "catalog"},
    "/v2/_catalog?n=1": {"GET": "catalog"},
    "/v2/{repository}/tags/list": PULLED,
    "/v2/{repository}/tags/list?n=1&last=a": PULLED,
    "/v2/{repository}/manifests/absent": {**PULLED, "PUT": "push", "DELETE": "delete"},
    f"/v2/{{repository}}/manifests/{ABSENT}": {**PULLED, "PUT": "push", "DELETE": "delete"},
    f"/v2/{{repository}}/blobs/{ABSENT}": {**PULLED, "DELETE": "delete"},
    "/v2/{repository}/blobs/uploads/": {"POST": "push"},
    f"/v2/{{repository}}/blobs/uploads/?digest={ABSENT}": {"POST": "push"},
    f"/v2/{{repository}}/blobs/uploads/?mount={ABSENT}&from=team-a/app": {"POST": "push"},
    "/v2/{repository}/blobs/uploads/0?_state=x": dict.fromkeys(("GET", "HEAD", "PATCH", "PUT", "DELETE"), "push"),
    f"/v2/{{repository}}/referrers/{ABSENT}": PULLED,
}
"""Every route, and what is asked by which method; any other method is nobody's right."""

MAY: Mapping[str, Mapping[str, set[str]]] = {
    USER: {OWN: {"pull", "push", "delete"}, SECRET: {"pull", "push", "delete"}, "": {"ping", "catalog"}},
    "pull": {OWN: {"pull"}, SECRET: {"pull"}, "": {"ping"}},
    "ci": {OWN: {"pull", "push"}, SECRET: set(), "": {"ping"}},
    "bee": {OWN: {"pull", "push"}, SECRET: set(), "": {"ping"}},
    "cleaner": {OWN: {"pull", "delete"}, SECRET: set(), "": {"ping"}},
    "other": {OWN: set(), SECRET: set(), "": {"ping"}},
    "auditor": {OWN: set(), SECRET: set(), "": {"ping", "catalog"}},
}
"""Written by hand: what the rights above mean."""


def cells() -> list[tuple[str, str, str, str]]:
    """Every method on every route of both repositories: target, repository, method and act."""
    return [
        (route.format(repository=repository), repository, method, acts.get(method, "none"))
        for route, acts in ROUTES.items()
        for repository in ([OWN, SECRET] if "{repository}" in route else [""])
        for method in METHODS
    ]


@pytest.mark.parametrize("way", ["port of the node", "Service"])
@pytest.mark.parametrize("headers", STRANGERS.values(), ids=list(STRANGERS))
def test_strangers_get_401_whatever_they_ask(door: Door, headers: Sequence[str], way: str) -> None:
    """And the challenge that makes clients log in; never that something is forbidden, or not there."""
    wrong = {}
    for target, _, method, _ in cells():
        reply = door.ways[way].ask(method, target, headers)
        if (reply.status, reply.headers.get("www-authenticate")) != (401, 'Basic realm="private-registry"'):
            wrong[f"{method} {target}"] = reply

    assert wrong == {}


@pytest.mark.parametrize("way", ["port of the node", "Service"])
@pytest.mark.parametrize("account", MAY)
def test_an_account_may_what_its_rights_say_and_nothing_else(door: Door, account: str, way: str) -> None:
    """What it may is the registry's to answer; all else is 403."""
    wrong = {}
    for target, repository, method, act in cells():
        reply = door.ways[way].ask(method, target, [door.accounts[account]])
        is_let_in = reply.status not in {401, 403}
        if is_let_in != (act in MAY[account][repository]) or (not is_let_in and reply.status != 403):
            wrong[f"{method} {target}"] = reply

    assert wrong == {}


def test_there_are_enough_cells() -> None:
    """Each is asked in two ways."""
    assert 2 * len(cells()) * (len(STRANGERS) + len(MAY)) > 6000


def test_a_refusal_names_the_right_that_is_missing(door: Door) -> None:
    """As clients show it."""
    said = [
        json.loads(door.ask("pull", method, target).body)["errors"][0]
        for method, target in (
            ("PUT", "/v2/team-a/app/manifests/v1"),
            ("GET", "/v2/_catalog"),
            ("OPTIONS", "/v2/team-a/app/manifests/v1"),
        )
    ]

    assert [error["code"] for error in said] == ["DENIED"] * 3
    assert [error["message"] for error in said] == [
        "this account lacks the right push team-a/app",
        "this account lacks the right catalog",
        "no account may ask this",
    ]


PATHS = (
    "/v2/team-a/../team-b/secret/manifests/v1",
    "/v2/team-a/%2e%2e/team-b/secret/manifests/v1",
    "/v2/team-a/%2E./team-b/secret/manifests/v1",
    "/v2/team-a/..%2fteam-b/secret/manifests/v1",
    "/v2/team-a%2f..%2f..%2fv2%2fteam-b/secret/manifests/v1",
    "/v2/team-a%2fapp/manifests/v1",
    "/v2/team-b%2fsecret/manifests/v1",
    "/v2/team-a/%252e%252e/team-b/secret/manifests/v1",
    "/v2/%74eam-b/secret/manifests/v1",
    "/v2//team-a/app/manifests/v1",
    "//v2/team-b/secret/manifests/v1",
    "/v2/team-a//../team-b/secret/manifests/v1",
    "/v2/./team-a/app/manifests/v1",
    "/V2/team-b/secret/manifests/v1",
    "/v2/TEAM-B/secret/manifests/v1",
    "/v2/Team-A/app/manifests/v1",
    "/v2/team-a/app/manifests/../../../team-b/secret/manifests/v1",
    "/v2/team-a/app/manifests/v1/../../../../team-b/secret/manifests/v1",
    "/v2/team-b/secret/manifests/v1?x=/v2/team-a/",
    "/v2/team-b/secret/manifests/v1#/v2/team-a/app",
    "/v2/team-b/secret/manifests/v1;/v2/team-a/app",
    "/v2/team-a/app;/../../team-b/secret/manifests/v1",
    "/v2/team-a/app%00/manifests/v1",
    "/v2/team-a/app%0a/manifests/v1",
    "/v2/team-a/app\\..\\..\\team-b\\secret/manifests/v1",
    "/v2/team-ab/x/manifests/v1",
    "/v2/team-a/manifests/v1",
    "/v2/team-a/app/manifests/v1/",
    "/v2/team-a/app/manifests/v1%20",
    "/v2/team-a/app/manifests/",
    f"/v2/team-a/app/manifests/{'t' * 129}",
    f"/v2/{'a/' * 3000}manifests/v1",
    f"/v2/{'a-' * 20000}manifests/v1",
    f"/v2/{'a-' * 1900}/manifests/v1",
    "/v2/team-é/app/manifests/v1",
    "/v2/_catalog/",
    "/v2/_catalog%2f",
    "/v2/_Catalog",
    "/v2",
    "/metrics",
    "/debug/vars",
    "/debug/pprof/",
    "/_proved",
    "/_denied",
    "/_odd",
    "/healthz",
    "/v1/search",
    "*",
    "v2/team-a/app/manifests/v1",
    "",
)
"""Other spellings, of what an account may do and of what it may not."""


@pytest.mark.parametrize("target", PATHS, ids=range(len(PATHS)))
def test_another_spelling_of_a_path_opens_nothing(door: Door, target: str) -> None:
    """The registry would read some of them as what is forbidden."""
    head = f"Host: x\r\nConnection: close\r\n{ACCEPT}\r\n{door.accounts['ci']}\r\n\r\n"
    replies = door.raw.send(f"GET {target} HTTP/1.1\r\n{head}".encode(), "GET")

    assert {reply.status for reply in replies} <= REFUSED
    # The connection may be cut before all of a line is read that is too long.
    assert replies or len(target) > LONGEST_LINE


def test_the_root_tells_everybody_that_the_registry_serves_and_nothing_else(door: Door) -> None:
    """Kubernetes asks it, without an account."""
    for target in ("/", "/?x"):
        reply = door.raw.ask("GET", target)
        assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    ("account", "target", "statuses"),
    [
        ("bee", "/v2/team-a/app/manifests/v1", {200}),
        ("bee", "/v2/team-a/app/sub/manifests/v1", {403}),
        ("bee", "/v2/team-a/app2/manifests/v1", {403}),
        ("bee", "/v2/team-a/manifests/v1", {403}),
        ("bee", "/v2/x/team-a/app/manifests/v1", {403}),
        ("ci", "https://reg.test/v2/team-b/secret/manifests/v1", {400, 403}),
        ("ci", "https://reg.test/v2/team-a/app/manifests/v1", {200, 400, 403}),
        ("ci", "http://team-a/v2/team-b/secret/manifests/v1", {400, 403}),
    ],
)
def test_the_whole_name_is_what_a_right_is_for(door: Door, account: str, target: str, statuses: set[int]) -> None:
    """Neither what begins like it, nor what ends so."""
    assert door.ask(account, "GET", target).status in statuses


@pytest.mark.parametrize(
    "target", ["/v2/team-a/app/manifests/v1/blobs/uploads/", "/v2/team-a/app/blobs/uploads/x/blobs/uploads/"]
)
def test_a_name_with_a_route_in_it_is_another_repository(door: Door, target: str) -> None:
    """The right on `team-a/app` is none there."""
    assert door.ask("bee", "POST", target).status == 403


MOUNTS = (
    "mount={digest}&from=team-b/secret",
    "from=team-b%2Fsecret&mount={encoded}",
    "mount={digest}&from=team-a/app&from=team-b/secret",
    "mount={digest}&from=team-b/secret&from=team-a/app",
    "mount={digest}&from=team%2Db%2Fsecre%74",
    "mount={digest}&fro%6D=team-b/secret",
    "mount={digest}&from=team-a/app&%66rom=team-b/secret",
    "%6Dount={digest}&from=team-b/secret",
    "mount={digest};from=team-b/secret",
    "mount={digest}&from=+team-b/secret",
    "mount={digest}&from=team-a/../team-b/secret",
    "mount={digest}&from=team-a%2F%2E%2E%2Fteam-b%2Fsecret",
    "mount={digest}&from=team-a/app/../../team-b/secret",
    "mount={digest}&from=team-b//secret",
    "mount={digest}&from=team-b/secret&x=1",
    "x=1&mount={digest}&from=team-b/secret",
    "mount={digest}&from=team-a/app#&from=team-b/secret",
    "mount={digest}&from=team-b%252Fsecret",
    "mount={digest}&from=team-b/secret%00",
    "mount={digest}&mount={digest}&from=team-b/secret",
)
"""Queries that ask for a blob of a repository that the account may not pull."""


@pytest.mark.parametrize("query", MOUNTS, ids=range(len(MOUNTS)))
@pytest.mark.parametrize("account", ["ci", "bee"])
def test_no_mount_brings_a_blob_from_a_repository_that_is_not_to_be_pulled(
    door: Door, account: str, query: str
) -> None:
    """The registry is asked for an upload instead, or nothing."""
    blob = digest_of(door.secret.layers[0])
    filled = query.format(digest=blob, encoded=blob.replace(":", "%3A"))
    reply = door.ask(account, "POST", f"/v2/{OWN}/blobs/uploads/?{filled}")

    assert reply.status in {202, *REFUSED}
    assert door.ask(account, "HEAD", f"/v2/{OWN}/blobs/{blob}").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("query", ["", "?mount={digest}&from=team-a/app"])
@pytest.mark.parametrize(
    "types",
    [
        ["application/x-www-form-urlencoded"],
        ["application/octet-stream", "application/x-www-form-urlencoded"],
        ["multipart/form-data; boundary=b"],
        ["Application/X-WWW-Form-Urlencoded; charset=utf-8"],
    ],
    ids=["form", "two types", "multipart", "upper case"],
)
def test_no_form_brings_one_either(door: Door, method: str, query: str, types: Sequence[str]) -> None:
    """The registry reads forms as it reads queries."""
    blob = digest_of(door.secret.layers[0])
    parts = {"mount": blob, "from": SECRET}
    form = "&".join(f"{name}={value}" for name, value in parts.items())
    if "multipart" in types[0]:
        form = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in parts.items()
        )
        form += "--b--\r\n"
    headers = [f"Content-Type: {each}" for each in types]
    target = f"/v2/{OWN}/blobs/uploads/{query.format(digest=blob)}"
    reply = door.ask("ci", method, target, headers, form.encode())

    assert reply.status in {202, *REFUSED}
    assert door.ask("ci", "HEAD", f"/v2/{OWN}/blobs/{blob}").status == 404


@pytest.mark.parametrize("query", ["mount={digest}&from=team-a/app", "from=team-a%2Fapp&mount={encoded}"])
def test_a_mount_between_own_repositories_saves_the_upload(door: Door, query: str) -> None:
    """In both spellings that clients have."""
    blob = digest_of(door.own.layers[0])
    filled = query.format(digest=blob, encoded=blob.replace(":", "%3A"))
    repository = f"team-a/{'plain' if 'from=team-a/' in query else 'encoded'}"

    assert door.ask("ci", "POST", f"/v2/{repository}/blobs/uploads/?{filled}").status == 201
    assert door.ask(USER, "POST", f"/v2/{repository}/blobs/uploads/?{filled}").status == 201


def test_a_manifest_cannot_name_what_is_in_another_repository(door: Door) -> None:
    """Neither layers nor whole images."""
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": door.secret.digest,
                "size": len(door.secret.manifest),
            }
        ],
    }
    for body in (door.secret.manifest, json.dumps(index).encode()):
        kind = [f"Content-Type: {json.loads(body)['mediaType']}"]
        assert door.ask("ci", "PUT", f"/v2/{OWN}/manifests/stolen", kind, body).status == 400
    assert door.ask("ci", "GET", f"/v2/{OWN}/blobs/{digest_of(door.secret.layers[0])}").status == 404


def test_an_upload_is_its_repositorys_alone(door: Door) -> None:
    """Who may push there goes on with it and cancels it."""
    place = door.upload("ci", OWN)
    elsewhere = place.replace(OWN, SECRET)

    assert [door.ask("pull", method, place).status for method in ("GET", "PATCH", "PUT", "DELETE")] == [403] * 4
    assert [door.ask("cleaner", method, place).status for method in ("GET", "DELETE")] == [403] * 2
    assert door.ask("ci", "GET", elsewhere).status == 403
    assert door.ask("ci", "GET", place.replace(OWN, OWN2)).status in {400, 404}
    assert door.ask("ci", "PATCH", place.partition("?")[0]).status in {400, 404}
    assert door.ask("ci", "GET", place).status == 204
    assert door.ask("ci", "DELETE", place).status == 204


def test_who_may_delete_deletes_and_no_other(door: Door, lab: Node) -> None:
    """An image that its pusher cannot delete."""
    image = Image.random(100)
    pusher = Client(lab, account=("bee", PASSWORDS["bee"]))
    assert pusher.push(OWN, "to-delete", image).status == 201
    pusher.close()
    target = f"/v2/{OWN}/manifests/{image.digest}"

    assert [door.ask(account, "DELETE", target).status for account in ("bee", "ci", "pull", "other")] == [403] * 4
    assert door.ask("cleaner", "DELETE", target).status == 202
    assert door.ask("bee", "HEAD", target).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        ["X-HTTP-Method-Override: DELETE"],
        ["X-Method-Override: DELETE"],
        ["X-Original-URL: /v2/team-b/secret/manifests/v1"],
        ["X-Rewrite-URL: /v2/team-b/secret/manifests/v1"],
        ["X-Forwarded-Prefix: /v2/team-b", "X-Forwarded-Host: evil.test"],
        ["Connection: Authorization"],
        ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
        ["Expect: 100-continue"],
        ["Range: bytes=0-10"],
    ],
)
def test_no_header_makes_another_request_of_it(door: Door, headers: Sequence[str]) -> None:
    """The answer is that of the request line, and the image is there afterwards."""
    target = f"/v2/{OWN}/manifests/{door.own.digest}"
    reply = door.ask("ci", "GET", target, headers)

    assert (reply.status, reply.body) == (200, door.own.manifest)
    assert door.ask("ci", "HEAD", target).status == 200


def test_the_place_of_an_upload_names_no_host(door: Door) -> None:
    """Whatever host a client claims to speak to."""
    reply = door.ask("ci", "POST", f"/v2/{OWN}/blobs/uploads/", ["X-Forwarded-Host: evil.test"])

    assert reply.headers["location"].startswith(f"/v2/{OWN}/blobs/uploads/")


def test_a_part_of_a_blob_is_served(door: Door) -> None:
    """A pull that was cut off goes on."""
    layer = door.own.layers[1]
    reply = door.ask("ci", "GET", f"/v2/{OWN}/blobs/{digest_of(layer)}", ["Range: bytes=10-19"])

    assert (reply.status, reply.body) == (206, layer[10:20])


@pytest.mark.parametrize(
    ("first", "second"), [("ci", "pull"), ("pull", "ci")], ids=["may not, may", "may, may not"]
)
def test_two_accounts_are_none(door: Door, first: str, second: str) -> None:
    """Nobody decides which one counts."""
    reply = door.raw.ask("GET", f"/v2/{SECRET}/manifests/v1", [ACCEPT, door.accounts[first], door.accounts[second]])

    assert reply.status in {400, 401, 403}


def spelled(text: bytes) -> str:
    """A header with these credentials."""
    return "Authorization: Basic " + base64.b64encode(text).decode()


CI = f"ci:{PASSWORDS['ci']}".encode()


@pytest.mark.parametrize(
    "header",
    [
        spelled(CI).replace("Basic ", "basic "),
        spelled(CI).replace("Basic ", "Basic   "),
        spelled(CI) + "AAAA",
        spelled(CI).rstrip("="),
        spelled(CI + b"\0"),
        spelled(b"ci\0:" + CI.partition(b":")[2]),
        spelled(b"ci\n:" + CI.partition(b":")[2]),
        spelled(b"pull\nci:" + CI.partition(b":")[2]),
        spelled(b"ci :" + CI.partition(b":")[2]),
        spelled(b" ci:" + CI.partition(b":")[2]),
        spelled(b"ci:pull:pull *:" + CI.partition(b":")[2]),
        spelled(b"pull|pull:team-b/secret|1:x"),
        spelled(b"ci:" + CI),
        spelled(b"\xff\xfe:" + CI.partition(b":")[2]),
        "Authorization: Basic",
        "Authorization:",
        "Authorization: Basic " + "A" * 3000,
        "Authorization: Digest username=ci",
        "authorization: Negotiate abc",
    ],
    ids=range(19),
)
def test_no_spelling_of_credentials_opens_what_they_may_not(door: Door, header: str) -> None:
    """Nginx and the registry read the same name from them, or one of them none."""
    assert door.raw.ask("GET", f"/v2/{SECRET}/manifests/v1", [ACCEPT, header]).status in {400, 401, 403}


SMUGGLED = f"GET /v2/team-b/secret/manifests/v1 HTTP/1.1\r\nHost: x\r\n{ACCEPT}\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\tchunked\r\nContent-Length: 4",
        f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}",
        "Content-Length: -1",
        "Content-Length: 0x10",
        "Content-Length : 5",
        "Host: y",
        "X: a\r\n b: folded",
        " X: blank first",
    ],
    ids=range(11),
)
def test_no_request_hides_in_another(door: Door, head: str) -> None:
    """The one in front is refused, and the hidden one has no answer, or a refusal."""
    text = (
        f"POST /v2/{OWN}/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{door.accounts['pull']}\r\n"
        f"{head}\r\n\r\n{SMUGGLED}"
    )
    reply = door.raw.send(text.encode(), "POST")[0]

    assert reply.status in {400, 403, 501}
    assert door.secret.manifest not in reply.body


def test_each_of_several_requests_in_one_connection_has_its_own_verdict(door: Door) -> None:
    """Also when they come at once."""

    def request(target: str, account: str, connection: str) -> str:
        return f"GET {target} HTTP/1.1\r\nHost: x\r\n{door.accounts[account]}\r\nConnection: {connection}\r\n\r\n"

    own, secret = f"/v2/{OWN}/tags/list", f"/v2/{SECRET}/tags/list"
    text = request(own, "ci", "keep-alive") + request(secret, "ci", "keep-alive") + request(secret, "pull", "close")
    replies = door.raw.send(text.encode(), "GET", "GET", "GET")

    assert [reply.status for reply in replies] == [200, 403, 200]


@pytest.mark.parametrize(
    "line",
    [
        "get /v2/team-a/app/manifests/v1 HTTP/1.1",
        "Delete /v2/team-a/app/manifests/v1 HTTP/1.1",
        "TRACE /v2/ HTTP/1.1",
        "CONNECT reg.test:443 HTTP/1.1",
        "PROPFIND /v2/team-a/app/manifests/v1 HTTP/1.1",
        "MOVE /v2/team-a/app/manifests/v1 HTTP/1.1",
        "GET /v2/team-a/app/manifests/v1 HTTP/1.1 HTTP/1.1",
        "GET /v2/team-b/secret/manifests/v1",
        "GET\t/v2/team-a/app/manifests/v1 HTTP/1.1",
        "GET /v2/team-a/app/manifests/v1 HTTP/2.0",
    ],
    ids=range(10),
)
def test_no_other_request_line_is_taken(door: Door, line: str) -> None:
    """By nobody's right, or as no request at all."""
    text = f"{line}\r\nHost: x\r\nConnection: close\r\n{door.accounts['pull']}\r\n\r\n"
    with door.raw.connected() as connection:
        connection.sendall(text.encode())
        first = connection.recv(4096)

    assert first.startswith(
        (b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 405", b"HTTP/1.1 505")
    ) or not first.startswith(b"HTTP/"), first


def test_http_2_is_not_spoken(door: Door) -> None:
    """Pushes are slower by it, and its requests would be one more way to spell them."""
    with door.raw.connected() as connection:
        assert connection.selected_alpn_protocol() != "h2"


def account(name: str) -> tuple[str, str]:
    """An account as clients log in with it."""
    return name, PASSWORDS[name]


def test_docker_pushes_where_it_may(door: Door, lab: Node) -> None:
    """Which needs the challenge of /v2/, and HEAD before each layer."""
    assert door
    image = f"{PUSH_ADDRESS}/team-a/by-docker:1"
    lab.run(["docker", "tag", "alpine", image])

    assert "digest: sha256:" in docker(lab, account("ci"), "push", image).stdout


def test_crane_pulls_pushes_lists_and_deletes_where_it_may(door: Door, lab: Node, tmp_path: Path) -> None:
    """A tag is deleted alone: its image stays under the other one."""
    repository, layout = f"{ADDRESS}/{OWN}", str(tmp_path / "image")
    pulled = crane(lab, account("bee"), "pull", "--format=oci", f"{repository}:v1", layout)
    pushed = crane(lab, account("bee"), "push", layout, f"{repository}:by-crane")
    listed = crane(lab, account("cleaner"), "ls", repository)
    deleted = crane(lab, account("cleaner"), "delete", f"{repository}:by-crane")
    left = crane(lab, account("cleaner"), "ls", repository)
    digest = crane(lab, account("bee"), "digest", f"{repository}:v1")

    assert [each.returncode for each in (pulled, pushed, listed, deleted, left, digest)] == [0] * 6
    assert pushed.stdout.strip() == f"{repository}@{door.own.digest}"
    assert set(listed.stdout.split()) - set(left.stdout.split()) == {"by-crane"}
    assert digest.stdout.strip() == door.own.digest


@pytest.mark.parametrize(
    ("case", "who", "act", "image"),
    [
        ("no account", None, "pull", f"{OWN}:v1"),
        ("wrong password", ("ci", "wrong"), "pull", f"{OWN}:v1"),
        ("no right to pull", account("other"), "pull", f"{OWN}:v1"),
        ("a push, with the right to pull", account("cleaner"), "push", f"{OWN}:v1"),
        ("a push, with neither right", account("other"), "push", f"{OWN}:v1"),
        ("a deletion, without its right", account("ci"), "delete", f"{OWN}:v1"),
        ("no such repository", account("ci"), "pull", "team-a/none:v1"),
    ],
)
def test_clients_show_what_the_documents_say(
    door: Door, lab: Node, case: str, who: tuple[str, str] | None, act: str, image: str
) -> None:
    """Each that can do this, for each refusal in the table."""
    assert door
    expected, shown = documented(case), printed(lab, who, act, image)

    assert set(shown) == set(expected)
    assert {client: text for client, text in expected.items() if text not in shown[client]} == {}, shown


def test_logins_show_what_the_documents_say(door: Door, lab: Node, tmp_path: Path) -> None:
    """That of crane asks nothing, and Docker's at a loopback address hides the reason."""
    assert door
    environment = {"DOCKER_CONFIG": str(tmp_path), "SSL_CERT_FILE": CA_FILE}
    words = ["login", "--username=ci", "--password-stdin"]
    by_docker = lab.run(["docker", *words, PUSH_ADDRESS], stdin="wrong", env=environment, check=False)
    by_crane = lab.run([str(parts.crane()), "auth", *words, ADDRESS], stdin="wrong", env=environment)
    listed = lab.run([str(parts.crane()), "ls", f"{ADDRESS}/{OWN}"], env=environment, check=False)

    assert "400 Bad Request" in by_docker.stderr
    assert "logged in" in by_crane.stderr
    assert "UNAUTHORIZED: authentication required" in listed.stderr


def test_crane_needs_the_ca_by_its_own_variable(door: Door, lab: Node) -> None:
    """What node trust wrote for Docker it does not read; it then tries plain HTTP, which is not served."""
    assert door
    listed = lab.run([str(parts.crane()), "ls", f"{ADDRESS}/{OWN}"], check=False)

    assert "x509: certificate signed by unknown authority" in listed.stderr
    assert "this port speaks HTTPS only" in listed.stderr


def test_the_log_of_requests_tells_who_did_what_and_no_password(door: Door, lab: Node) -> None:
    """Each line is JSON; what is typed for a name is in it only if it is one."""
    typed = "canary-typed-for-a-name"
    assert door.raw.ask("GET", f"/v2/{OWN}/tags/list?canary-query=1", [basic(typed, "x")]).status == 401
    assert door.ask("pull", "PUT", f"/v2/{OWN}/manifests/v1", ['User-Agent: quoted "agent"']).status == 403

    def lines() -> str:
        return lab.kubectl("logs", "deployment/registry", "--container=door", "--tail=200")

    until(lambda: 'quoted \\"agent\\"' in lines(), "the line of a request")
    entries = [json.loads(line) for line in lines().splitlines() if line.startswith("{")]
    [entry] = [entry for entry in entries if entry["agent"] == 'quoted "agent"']

    assert (entry["account"], entry["asked"], entry["verdict"]) == ("pull", f"push:{OWN}", "deny")
    assert (entry["method"], entry["path"], entry["status"]) == ("PUT", f"/v2/{OWN}/manifests/v1", 403)
    everything = lab.kubectl("logs", "deployment/registry", "--all-containers")
    for canary in (
        typed,
        "canary-query",
        *PASSWORDS.values(),
        *[each.split()[-1] for each in door.accounts.values()],
    ):
        assert canary not in everything


def test_manifests_without_an_end_are_refused_and_take_little_memory(door: Door, lab: Node) -> None:
    """Nginx keeps nothing of them, and hands on what the registry says after 4 MiB of each."""
    processes = [*registries(lab), *running(lab, "nginx: worker process")]
    for process in processes:
        forget_peak(process)
    answers = abuse.endless_manifests(
        door.raw.connected, door.accounts["ci"], "team-a/endless", clients=20, at_most=1 << 30
    )

    assert {answer[:3] for answer in answers} == {"400"}
    assert {"request body too large" in answer for answer in answers} == {True}
    assert answers.total() == 20
    assert sum(peak(process) for process in processes) < 576 << 20


def test_a_manifest_just_below_the_limit_is_taken(door: Door, lab: Node) -> None:
    """An index of thousands of images."""
    client = Client(lab, account=("ci", PASSWORDS["ci"]))
    index = index_of(door.own.digest, size=4 << 20)
    reply = client.push_manifest(OWN, "large", index, IMAGE_INDEX)
    client.close()

    assert 4_190_000 < len(index) <= 4 << 20
    assert reply.status == 201


@pytest.mark.parametrize(
    ("account", "said"), [("auditor", (400, "PAGINATION_NUMBER_INVALID")), ("ci", (403, "DENIED"))]
)
def test_nobody_is_given_a_huge_catalog(door: Door, account: str, said: tuple[int, str]) -> None:
    """A thousand names at a time, and none without the right."""
    for number in (1001, 1_000_000_000):
        reply = door.ask(account, "GET", f"/v2/_catalog?n={number}")
        assert (reply.status, json.loads(reply.body)["errors"][0]["code"]) == said


def test_who_is_slow_without_an_account_is_cut_and_with_one_is_not(door: Door, lab: Node) -> None:
    """A push over a bad line is slow as well. Others notice neither."""
    ci, before = door.accounts["ci"], readiness(lab)
    client = Client(lab, account=("ci", PASSWORDS["ci"]))
    sending = abuse.bodies(client, OWN, ci, 20)
    reading = abuse.readers(client, OWN, ci, 20, size=16 << 20)
    with (
        abuse.Slow.beginning(door.raw.connected, sending, sends=b"a") as slow_bodies,
        abuse.Slow.beginning(door.raw.connected, reading) as slow_readers,
        abuse.Slow.beginning(door.raw.connected, [abuse.HEAD] * 20, sends=b"a") as heads,
    ):

        def all_heads_are_cut() -> bool:
            assert client.manifest(OWN, "v1").status == 200
            return len(heads.cut) == 20

        until(all_heads_are_cut, "slow heads to be cut")
        assert [len(slow.connections) for slow in (slow_bodies, slow_readers)] == [20, 20]
        assert readiness(lab) == before
    client.close()
