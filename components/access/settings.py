"""Who may push and pull, and in which namespaces Pods have the pull secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..cluster.names import check_namespace, check_object_name
from ..problems import Problems
from ..sections import SecretText, check_each, config_set, is_known, is_secret_text, keep_copies
from .accounts import check_password, check_username, shown_name
from .rights import EXAMPLE, PULL, Right, rights

GENERATED: Final = "generated"
"""In place of a password: one is made, and kept in the stack's state."""

PULLER: Final = "pull"
"""The account in the pull secret where accounts have rights, unless another is named: its password is made here."""
_EVERYWHERE: Final = "pull *"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Accounts, and the pull secret of one of them."""

    username: str = "registry"
    password: SecretText = field(repr=False)
    users: Mapping[str, SecretText] = field(default_factory=dict, repr=False)
    rights: Mapping[str, str] = field(default_factory=dict)
    development: bool = False
    pull_username: str = PULLER
    pull_secret_name: str = "regcred"  # noqa: S105 - a Secret's name, not its value
    pull_namespaces: tuple[str, ...] = ("default",)
    pull_namespace_selector: str = ""
    pull_service_accounts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Keep what the caller cannot change."""
        keep_copies(self)

    def check(self, problems: Problems) -> None:
        """Report what cannot work. Passwords that are not known yet are left to `accounts`."""
        with problems.caught("username", config_set("username registry")):
            check_username(self.username)
        for name in self.users:
            fix = f"delete the account in the stack's file, then {_set('<name>')}"
            with problems.caught(_key(name), fix):
                check_username(name)
                if name == self.username:
                    raise ValueError("must not repeat the account of username")
        self._check_passwords(problems, self.password, self.users)
        if self.rights:
            self._check_rights(problems)
        elif self.pull_username != PULLER:
            with problems.caught("pullUsername", "`pulumi config rm pullUsername`"):
                raise ValueError(
                    "must not be set without rights: the pull secret then holds the account of username"
                )
        self._check_pull_secrets(problems)

    @property
    def generated(self) -> dict[str, str]:
        """The accounts whose passwords are made here, and by what names these are kept."""
        by_request = isinstance(self.password, str) and self.password == GENERATED
        without_password = PULLER in self.rights_of_accounts and PULLER not in self.users
        return {
            **({self.username: "password"} if by_request else {}),
            **({PULLER: "pull-password"} if without_password else {}),
        }

    @property
    def puller(self) -> str:
        """The account in the pull secret. With rights it only pulls: who gets hold of the secret cannot push."""
        return self.pull_username if self.rights else self.username

    @property
    def rights_of_accounts(self) -> dict[str, tuple[Right, ...] | None]:
        """What each account may do, if rights are set; None is everything."""
        if not self.rights:
            return {}
        given = {self.puller: _EVERYWHERE, **self.rights}
        return {self.username: None, **{name: rights(text) for name, text in sorted(given.items())}}

    def may_be_pulled(self, repository: str) -> bool:
        """Whether the account in the pull secret may pull from there. Wrong rights are reported elsewhere."""
        with Problems().caught("", ""):
            allowed = self.rights_of_accounts.get(self.puller)
            return allowed is None or any(right.covers(PULL, repository) for right in allowed)
        return True

    def accounts(self, generated: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
        """All accounts, name to password, with those that are made here. Secret.

        Passwords that another program gave as Outputs are checked here, and refused with a RunError.
        """

        def checked(known: dict[str, str]) -> dict[str, str]:
            problems = Problems()
            with problems.caught("password", f'Access(password="{GENERATED}")'):
                if known[self.username] == GENERATED:
                    raise ValueError(f"must be the text {GENERATED} itself, and no Output of it")
            self._check_passwords(
                problems, known[self.username], {name: known[name] for name in self.users if name in known}
            )
            problems.raise_late()
            return known

        passwords = {self.username: self.password, **self.users, **generated}
        accounts: pulumi.Output[Any] = pulumi.Output.secret(passwords)
        return accounts.apply(checked)

    def _check_rights(self, problems: Problems) -> None:
        with problems.caught("username", config_set("username registry")):
            if self.username in {PULLER, self.puller}:
                raise ValueError(f"must not be {self.username} while rights are set: it may do everything")
        with problems.caught("pullUsername", _set(self.pull_username)):
            if self.puller not in {*self.users, PULLER, self.username}:
                raise ValueError(f"must be an account of users, got {shown_name(self.puller)}")
        for name in self.users:
            with problems.caught("rights", _set_rights(name)):
                if name not in self.rights:
                    raise ValueError(f"must be set for each account of users, got none for {shown_name(name)}")
        for name, text in self.rights.items():
            setting = f"rights[{shown_name(name)}]"
            with problems.caught(setting, f"`pulumi config rm --path 'rights[\"{name}\"]'`"):
                if name == self.username:
                    raise ValueError("must not be set for the account of username, which may do everything")
                if name not in {*self.users, PULLER}:
                    raise ValueError("must be an account of users")
            with problems.caught(setting, _set_rights(name, only_pulls=name == self.puller)):
                acts = {act for right in rights(text) for act in right.acts}
                if name == self.puller and acts != {PULL}:
                    raise ValueError("must only pull: it is the account in the pull secret")

    def _check_passwords(self, problems: Problems, password: SecretText, users: Mapping[str, SecretText]) -> None:
        with problems.caught("password", "`pulumi config set --secret password`"):
            if is_known(password) and password != GENERATED:
                check_password(password, development=self.development)
        for name, given in users.items():
            with problems.caught(_key(name), _fix(name, given)):
                if is_known(given):
                    check_password(given, development=self.development)
                elif not is_secret_text(given):
                    # In clear, `--path` turns 0123456 into a number: no longer what was typed.
                    raise ValueError(f"must be a string, got {type(given).__name__}")

    def _check_pull_secrets(self, problems: Problems) -> None:
        with problems.caught("pullSecretName", config_set("pullSecretName regcred")):
            check_object_name(self.pull_secret_name)
        check_each(problems, "pullNamespaces", self.pull_namespaces, "namespace", check_namespace)
        with problems.caught("pullNamespaces", config_set("--path 'pullNamespaces[0]' default")):
            if not self.pull_namespaces:
                raise ValueError("must name a namespace, in which the proof Pod runs")
        with problems.caught("pullNamespaceSelector", config_set("pullNamespaceSelector <label>=<value>")):
            if self.pull_namespace_selector and not self.pull_namespace_selector.strip():
                raise ValueError("must not be blank, which would select every namespace")
        accounts = self.pull_service_accounts
        check_each(problems, "pullServiceAccounts", accounts, "ServiceAccount", check_object_name)


_PASSWORD_FIELDS: Final = {"password", "pass", "secret"}
"""What people call the one field of an account that they wrote as an object."""


def _key(name: str) -> str:
    return f"users[{shown_name(name)}]"


def _set_rights(name: str, *, only_pulls: bool = False) -> str:
    example = _EVERYWHERE if only_pulls else EXAMPLE
    return f"`pulumi config set --path 'rights[\"{name}\"]' '{example}'`"


def _set(name: str) -> str:
    return f"`pulumi config set --secret --path 'users[\"{name}\"]'`"


def _fix(name: str, given: object) -> str:
    """Say how to set the account that was meant. In a path, a dot that is not quoted begins another level."""
    meant = name
    while isinstance(given, Mapping) and len(given) == 1:
        [(part, given)] = given.items()
        meant = meant if part in _PASSWORD_FIELDS else f"{meant}.{part}"
    if meant == name:
        return _set(name)
    return f"`pulumi config rm --path 'users[\"{name}\"]'`, then {_set(meant)}"
