"""Writes the tables of settings, taken from Pulumi.yaml, into the documents that show them.

README.md has the settings that people touch first, docs/settings.md all of them by concern. Owns what stands
between the two marker comments, and nothing else in those files. `--check` changes nothing and exits 1 when a table
is out of date.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from components.stack_configuration import KEYS

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
FIRST = ("host", "node", "nodeTrust", "password", "users", "hostPath", "pullNamespaces", "pushHost", "port", "tls")
"""Those that people touch first, in the order in which they meet them."""
TITLES = {
    "exposure": "The registry's address",
    "storage": "Where the images are",
    "tls": "TLS",
    "access": "Accounts and pull secrets",
    "nodes": "Nodes",
    "monitoring": "Metrics and alerts",
    "server": "The registry's Pod",
    "retention": "Retention",
    "network": "The network",
    "proof": "The proof",
    "cluster": "Place in the cluster",
    "connections": "Connections",
}
"""Of each concern, in the order of Pulumi.yaml."""


def table(settings: dict[str, Any]) -> str:
    """Render settings of a parsed Pulumi.yaml as a Markdown table."""
    rows = ["| Setting | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    for key, setting in settings.items():
        kind = f"array of {setting['items']['type']}" if "items" in setting else setting["type"]
        default = setting.get("default")
        shown = (
            f"`{default if isinstance(default, str) else json.dumps(default)}`" if "default" in setting else "none"
        )
        if default == "":
            shown = "empty"
        if setting.get("secret"):
            kind += ", secret"
        meaning = setting["description"].replace("|", "\\|")
        rows.append(f"| `{key}` | {kind} | {shown} | {meaning} |")
    return "\n".join(rows)


def by_concern(settings: dict[str, Any]) -> str:
    """Render all settings, with a heading and a table for each concern."""
    groups: dict[str, dict[str, Any]] = {}
    for key, setting in settings.items():
        groups.setdefault(KEYS[key].section, {})[key] = setting
    return "\n\n".join(f"### {TITLES[concern]}\n\n{table(group)}" for concern, group in groups.items())


def updated(document: str, rows: str) -> str:
    """Put the table between the markers of a document; one without markers stays as it is."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin:
        return document
    if not end:
        raise SystemExit(f"a document has {BEGIN} without {END}")
    return f"{before}{BEGIN}\n{rows}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Update README.md and docs/settings.md where present, or check them. Gives the exit code."""
    settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    first = table({key: settings[key] for key in FIRST})
    outdated = []
    for file, rows in ((ROOT / "README.md", first), (ROOT / "docs" / "settings.md", by_concern(settings))):
        old = file.read_text(encoding="utf-8") if file.exists() else ""
        new = updated(old, rows)
        if new != old:
            outdated.append(file.relative_to(ROOT))
            if "--check" not in arguments:
                file.write_text(new, encoding="utf-8")
    for name in outdated:
        print(f"{name}: table of settings {'is out of date' if '--check' in arguments else 'written'}")
    if outdated and "--check" in arguments:
        print("fix: make docs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
