"""A private container registry on Kubernetes, as Pulumi components.

Nothing of the product is imported here, so that settings can be read without the Kubernetes SDK, which takes a
while to load.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - for those who run it with an older one all the same
    # Here, before any module that an older Python cannot import: each of those would end in a traceback.
    sys.exit(
        f"Python 3.11 or newer is needed, got {sys.version.split()[0]}; "
        "fix: `rm -r .venv`, then `pulumi install` with a newer python3 first on PATH"
    )
