"""A password that `up` makes: shown by one command, and nowhere else."""

from __future__ import annotations

from tests.live.harness import USER, Node, Stack


def shown(stack: Stack) -> str:
    """What docs/settings.md says to type."""
    words = ["pulumi", "stack", "output", "password", "--show-secrets", "--stack", stack.name]
    return stack.node.run(words, cwd=stack.folder, env=stack.environment).stdout.strip()


def test_it_opens_the_registry_and_stays(stack: Stack, lab: Node) -> None:
    """It is the same after the next `up`, and stands in no output and no state in clear."""
    stack.set("password", "generated", secret=True)
    first = stack.up()
    password = shown(stack)
    again = stack.up("--expect-no-changes")
    state = "".join(file.read_text() for file in stack.backend.rglob("dev.json*"))

    assert len(password) == 43
    assert shown(stack) == password
    assert lab.registry("/v2/", account=(USER, password)).status == 200
    assert lab.registry("/v2/", account=(USER, "generated")).status == 401
    assert again.changed == set()
    assert stack.outputs()["password"] == "[secret]"
    assert password not in first.output + again.output + state
