"""Which cluster a kubeconfig leads to, known by what is the cluster's own: the uid of its namespace kube-system.

The URL of its API server is not: minikube has another port after each restart. Nor is its CA: minikube keeps the CA
for the next cluster. Owns the question and the wording of what prevented an answer.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Final

from .kubeconfig import Kubeconfig
from .kubectl import NO_CREDENTIALS, KubectlError, KubectlMissingError, kubectl
from .proxies import proxy_variable

_NAMESPACE: Final = "/api/v1/namespaces/kube-system"

_WITHIN: Final = 15
"""Seconds for the question: a plugin that gets credentials from a cloud takes some of them."""

_FORBIDDEN: Final = "(Forbidden)"
"""In what kubectl says when the cluster knows the account and it may not do something."""

_REFUSED: Final = ("(Unauthorized)", 'User "system:anonymous"', NO_CREDENTIALS)
"""In what is said when the cluster does not know the account. Many clusters let nobody in as `system:anonymous`."""

_ROLE: Final = "private-registry-cluster-identity"

_CI: Final = ("CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "CODEBUILD_BUILD_ID")
"""Variables that CI systems set: most the first; then Azure Pipelines, Jenkins, TeamCity and AWS CodeBuild."""


class UnknownClusterError(Exception):
    """The cluster did not tell its identity. The text says why, and what would do."""

    is_silent: bool
    """Whether the cluster answers nothing at all."""

    def __init__(self, text: str, *, is_silent: bool) -> None:
        self.is_silent = is_silent
        super().__init__(text)


def uid_of(kubeconfig: Kubeconfig, environment: Mapping[str, str]) -> str:
    """Ask the cluster for its identity. Raises UnknownClusterError."""
    try:
        answer = kubectl(["get", "--raw", _NAMESPACE], kubeconfig.content, _WITHIN)
        uid = json.loads(answer)["metadata"]["uid"]
    except KubectlError as problem:
        is_known = _FORBIDDEN in str(problem) and not _is_refused(str(problem))
        reached = is_known or isinstance(problem, KubectlMissingError)
        raise UnknownClusterError(explained(kubeconfig, problem, environment), is_silent=not reached) from None
    except (ValueError, KeyError, TypeError):
        raise UnknownClusterError(
            f"{_where(kubeconfig)} is no Kubernetes API server: it gives no namespace kube-system; "
            "fix: correct the server's URL in the kubeconfig",
            is_silent=True,
        ) from None
    return str(uid)


def explained(kubeconfig: Kubeconfig, problem: KubectlError, environment: Mapping[str, str]) -> str:
    """Word why there was no answer, and the way out."""
    words = str(problem)
    if isinstance(problem, KubectlMissingError):
        return (
            "kubectl must be on PATH: the cluster is asked by it who it is; "
            "fix: install it, https://kubernetes.io/docs/tasks/tools/"
        )
    if _is_refused(words):
        return f"{_where(kubeconfig)} refuses the credentials: {words}; fix: renew them, or name another context"
    if _FORBIDDEN in words:
        return (
            f"{_where(kubeconfig)} does not let this account read the namespace kube-system, by whose uid the "
            f"cluster is known: {words}; fix: as an administrator, {_grant(words)}"
        )
    through, fix = "", "start the cluster, or name the right one by private-registry:kubeconfig and kubeContext"
    if kubeconfig.has_proxy:
        through = " (through the kubeconfig's proxy-url)"
        fix += ", or correct that proxy"
    elif variable := proxy_variable(kubeconfig.server, environment):
        through = f" (through the proxy of {variable})"
        fix += ", or correct that proxy, or except the server in NO_PROXY"
    return f"{_where(kubeconfig)} gives no answer{through}: {words}; fix: {fix}"


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether a CI system runs this."""
    return any(environment.get(name, "").lower() not in {"", "0", "false"} for name in _CI)


def identifier(first: Mapping[str, str], uid: str) -> str:
    """Give what the provider knows the cluster by; a change of it moves all objects.

    The first cluster of a stack keeps the name that versions before this rule gave it, its URL of then: a stack
    that they made goes on with nothing replaced. All others are known by their uid.
    """
    return first["server"] if first["uid"] == uid else uid


def _is_refused(words: str) -> bool:
    return any(mark in words for mark in _REFUSED)


def _where(kubeconfig: Kubeconfig) -> str:
    # Without what may stand before an @: a password.
    server = re.sub(r"//[^/]*@", "//", kubeconfig.server)
    return f'the cluster {server} (context "{kubeconfig.context}" of {kubeconfig.source})'


def _grant(words: str) -> str:
    """Give the commands that allow the account to read that namespace alone."""
    named = re.search(r'User "([^"]+)"', words)
    user = shlex.quote(named[1]) if named else "<account>"
    return (
        f"`kubectl create clusterrole {_ROLE} --verb=get --resource=namespaces --resource-name=kube-system` and "
        f"`kubectl create clusterrolebinding {_ROLE} --clusterrole={_ROLE} --user={user}`"
    )
