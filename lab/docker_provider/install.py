"""Writes the plugin folder that `pulumi plugin install resource docker 5.2.0 --file FOLDER` takes.

The folder holds the sources and a launcher with the path of the Python that runs them. Installing it is the
caller's: where the official plugin can be downloaded, that one is used.
"""

import shlex
import shutil
import subprocess
from pathlib import Path

LAUNCHER = "pulumi-resource-docker"
_PACKAGE = "docker_provider"
_NEEDED = ("pulumi", "docker")

_PROBE = "import importlib.util as u, sys; print(*(name for name in sys.argv[1:] if not u.find_spec(name)))"

# -I keeps the person's PYTHONPATH and user packages out of the plugin.
_SCRIPT = """\
#!/bin/sh
python={python}
if [ ! -x "$python" ]; then
    echo "The Docker provider's Python, $python, is gone; install the plugin again." >&2
    exit 1
fi
exec "$python" -I -c 'import gc, sys
gc.disable()  # imports make no garbage, and Pulumi waits for them
sys.path.insert(0, sys.argv.pop(1))
from docker_provider.provider import serve
gc.freeze()
gc.enable()
serve()' "$(dirname "$0")" "$@"
"""


def make_plugin(folder: Path, python: Path) -> Path:
    """Write a self-contained plugin into a new or empty folder, and return the folder.

    `python` is the interpreter of an environment that has `pulumi` and `docker`; it is named by its own path
    and not by what it links to, since that is how Python finds its environment. Raises FileNotFoundError when
    it is not there, ModuleNotFoundError when it lacks a package, FileExistsError when the folder holds files.
    """
    python = python.absolute()
    if not python.is_file():
        raise FileNotFoundError(f"no Python at {python} to run the Docker provider with")
    missing = subprocess.run(
        [python, "-I", "-c", _PROBE, *_NEEDED], capture_output=True, text=True, check=True
    ).stdout.strip()
    if missing:
        raise ModuleNotFoundError(f"{python} cannot run the Docker provider; missing: {missing}")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; the Docker provider's plugin needs a folder of its own")
    sources = Path(__file__).parent
    target = folder / _PACKAGE
    target.mkdir(parents=True)
    for source in sorted(sources.glob("*.py")):
        if source.name != Path(__file__).name:
            shutil.copyfile(source, target / source.name)
    launcher = folder / LAUNCHER
    launcher.write_text(_SCRIPT.format(python=shlex.quote(str(python))), encoding="utf-8")
    launcher.chmod(0o755)
    return folder
