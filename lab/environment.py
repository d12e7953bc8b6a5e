"""The variables of a shell on a lab's node: the same for a person, for `make up` and for the tests."""

from __future__ import annotations

import os
from pathlib import Path

TEMPORARY = "tmp"  # folder below the lab's

DEV_PASSPHRASE = "dev"  # noqa: S105 — the dev stack's secrets are the tutorial's, and public


def variables(lab: Path, project: Path) -> dict[str, str]:
    """The caller's variables, with Pulumi, Docker and Kubernetes pointed at this lab."""
    # The virtual environment goes first: the Python language host takes the interpreter from PATH.
    path = [project / ".venv" / "bin", lab / "bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    searched = os.pathsep.join([*map(str, path), os.environ.get("PATH", "")])
    own = {
        "PATH": searched,
        # For the shell, whose own settings may change the originals.
        "LAB_PATH": searched,
        "LAB_HISTORY": f"{lab}/shell-history",
        # The Kubernetes provider leaves copies of the kubeconfig in the folder for temporary files.
        "TMPDIR": f"{lab}/{TEMPORARY}",
        "KUBECONFIG": "/etc/kubernetes/admin.conf",
        "KUBECACHEDIR": f"{lab}/kubectl-cache",
        "DOCKER_CONFIG": f"{lab}/docker",
        "PULUMI_HOME": f"{lab}/pulumi",
        "PULUMI_BACKEND_URL": f"file://{lab}/state",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Without a network route Pulumi would wait minutes for a plugin.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    dropped = ("DOCKER_HOST", "DOCKER_CONTEXT", "PULUMI_ACCESS_TOKEN", "PULUMI_STACK", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & kept.keys():
        own["PULUMI_CONFIG_PASSPHRASE"] = DEV_PASSPHRASE
    return kept | own
