"""A password that is made here and kept in the stack's state."""

from __future__ import annotations

import secrets
from typing import Final

import pulumi

_BYTES: Final = 32
"""Of chance, hence 43 characters."""


def generated_password(name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Give a password: the same from the first `up` on, until the stack is destroyed. Secret."""
    new = pulumi.Output.secret(secrets.token_urlsafe(_BYTES))
    kept = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["input"]))
    output: pulumi.Output[str] = pulumi.Stash(name, input=new, opts=kept).output
    return pulumi.Output.secret(output)
