"""The stack that a command is for: where its registry is, the account there, and what is set for it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from components.access.settings import GENERATED
from components.cluster.kubeconfig import KubeconfigError, resolve
from components.problems import PROJECT, Problems
from components.retention.settings import Retention
from components.sections import check_types, key_of
from components.server.settings import Server
from components.stack_configuration import KEYS

from . import pulumi
from .failure import OperationError, RegctlError
from .regctl import Registry


@dataclass(frozen=True)
class Stack:
    """A stack as its files and its state tell it."""

    name: str
    outputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    """What the stack sets, by key, secrets left out."""
    password: str = field(repr=False)
    """That of the account `username`: all commands need it. Other secrets are asked for one by one."""
    encrypted: frozenset[str] = frozenset()
    """Keys of its secrets."""

    @classmethod
    def read(cls, name: str) -> Stack:
        """Ask Pulumi, all at once since each answer takes it a second. Raises OperationError."""
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(pulumi.ask, name, "stack", "output", "--json")
            configured = threads.submit(pulumi.ask, name, "config", "--json")
            secret = threads.submit(_secret, name, "password")
        outputs: dict[str, Any] = json.loads(asked.result())
        if not outputs.get("address"):
            raise OperationError(f"stack {name} has no output `address`; fix: `pulumi up --stack {name}`")
        settings, encrypted = {}, set()
        for full, item in json.loads(configured.result()).items():
            key = full.removeprefix(f"{PROJECT}:")
            if item.get("secret"):
                encrypted.add(key)
            elif key in KEYS and "value" in item:
                settings[key] = KEYS[key].read(item["value"])
        password = secret.result()
        if password == GENERATED:
            password = pulumi.ask(name, "stack", "output", "password", "--show-secrets").removesuffix("\n")
        return cls(name, outputs, settings, password, frozenset(encrypted))

    def get(self, key: str) -> Any:  # noqa: ANN401 - settings have any type
        """Give the value of a setting, or its default."""
        return self.settings.get(key, KEYS[key].default)

    def secret(self, key: str) -> str:
        """Give the value of a setting that may be encrypted. It comes by a pipe."""
        return _secret(self.name, key)

    def kubeconfig(self) -> str:
        """Give the kubeconfig of the stack's cluster, as `pulumi up` finds it. Raises OperationError."""
        text = self.settings.get("kubeconfig", "")
        if "kubeconfig" in self.encrypted:
            text = self.secret("kubeconfig")
        try:
            return resolve(text, self.get("kubeContext"), os.environ).content
        except KubeconfigError as problem:
            raise OperationError(f"the cluster of stack {self.name} is not known: {problem}") from None

    def registry(self) -> Registry:
        """Give the registry, reached and asked once. Raises OperationError.

        The address of nodes comes first: the one for pushes may be `localhost`, which here may be somebody else's.
        """
        account = (str(self.get("username")), self.password)
        certificates = str(self.outputs.get("ca") or "")
        # Behind an ingress, `tls` does not tell what clients speak; the command that people paste does.
        encrypted = "http://" not in str((self.outputs.get("commands") or {}).get("catalog"))
        tried = []
        for address in dict.fromkeys((self.outputs["address"], self.outputs.get("pushAddress"))):
            if not address:
                continue
            registry = Registry(address, certificates=certificates, encrypted=encrypted, account=account)
            try:
                registry.answers()
            except RegctlError as error:
                tried.append(str(error))
            else:
                return registry
        reasons = "\n  ".join(tried)
        raise OperationError(
            f"the registry of stack {self.name} cannot be used from here:\n  {reasons}\n"
            "fix: run this where one of the addresses can be reached; if the account is refused, `pulumi up` "
            "brings the password that is set to the registry"
        )

    def retention(self) -> Retention:
        """Give what is set for retention, checked as `pulumi up` checks it. Raises OperationError."""
        problems = Problems()
        sections = [_section(Retention, self.settings), _section(Server, self.settings)]
        check_types(problems, sections)
        retention, server = sections
        if not problems:
            retention.check(problems, server)
        if not problems and retention.retention_keep == 0:
            with problems.caught("retentionKeep", "`pulumi config set retentionKeep 10`, say"):
                raise ValueError("must be set to the number of tags that stay")
        if problems:
            raise OperationError("\n  ".join(["The settings cannot work:", *problems]))
        return retention  # type: ignore[no-any-return]


def _section(kind: Any, settings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any section
    return kind(
        **{item.name: settings[key_of(item.name)] for item in fields(kind) if key_of(item.name) in settings}
    )


def _secret(stack: str, key: str) -> str:
    return pulumi.ask(stack, "config", "get", f"{PROJECT}:{key}").removesuffix("\n")
