"""The variables of a node: of its services, and of a shell on it for a person, for `make up` and for the tests.

What a person has set for work elsewhere (a proxy, a Docker Engine, a cluster, a passphrase) would lead a node
astray, and such variables are too many to name. So a node starts from none, and gets those below.
"""

from __future__ import annotations

import os
from pathlib import Path

TEMPORARY = "tmp"  # folder below the lab's

DEV_PASSPHRASE = "dev"  # noqa: S105 — the dev stack's secrets are the tutorial's, and public

_KEPT = (
    *("HOME", "LOGNAME", "SHELL", "USER"),
    *("COLORTERM", "NO_COLOR", "TERM"),
    *("EDITOR", "PAGER", "VISUAL"),
)
"""What a shell on a node keeps of the person's own: who they are, their terminal and their editor."""
_SYSTEM_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
_LANGUAGE = "C.UTF-8"


def of_services(node: Path) -> dict[str, str]:
    """The variables of all that a node itself runs; `node` is its folder."""
    return {
        "PATH": os.pathsep.join(_SYSTEM_PATH),
        "LANG": _LANGUAGE,
        # The kubelet looks here for accounts of registries, and `docker` for the Docker Engine to use.
        "HOME": f"{node}/home",
    }


def variables(lab: Path, project: Path) -> dict[str, str]:
    """The variables of a shell on a node, with Pulumi, Docker and Kubernetes pointed at this lab."""
    # The virtual environment goes first: the Python language host takes the interpreter from PATH.
    path = [project / ".venv" / "bin", lab / "bin", *_SYSTEM_PATH]
    searched = os.pathsep.join([*map(str, path), os.environ.get("PATH", "")])
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PATH": searched,
        "LANG": _LANGUAGE,
        # For the shell, whose own settings may change the originals.
        "LAB_PATH": searched,
        "LAB_HISTORY": f"{lab}/shell-history",
        # The Kubernetes provider leaves copies of the kubeconfig in the folder for temporary files.
        "TMPDIR": f"{lab}/{TEMPORARY}",
        "KUBECONFIG": "/etc/kubernetes/admin.conf",
        "KUBECACHEDIR": f"{lab}/kubectl-cache",
        "DOCKER_CONFIG": f"{lab}/docker",
        "PULUMI_HOME": f"{lab}/pulumi",
        # Without notes beside each file: a kill can leave an empty one, and then Pulumi reads no state (3.274).
        "PULUMI_BACKEND_URL": f"file://{lab}/state?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": DEV_PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Pulumi lists Python packages with pip, which would look for a newer pip where there is no network.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Without a network route Pulumi would wait minutes for a plugin.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
