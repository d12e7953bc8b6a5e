"""The registry's own configuration file.

Owns its content, in the form that registry 2.8 and 3.x read alike. Where the file is mounted, and what the
paths in it lead to, is the server's concern.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

_CIPHER_SUITES: Final = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]
"""Those of TLS 1.2 that are AEAD with forward secrecy; the ones of 1.3 cannot be chosen, and all are."""


_READ_ONLY: Final = {"maintenance": {"readonly": {"enabled": True}}}


def render(
    *,
    http_secret: str,
    delete_enabled: bool,
    read_only: bool,
    driver: Mapping[str, Any],
    drain_seconds: int,
    htpasswd_path: str,
    address: str,
    certificate_path: str = "",
    key_path: str = "",
    debug: Mapping[str, object] | None = None,
) -> str:
    """Give the text of `config.yml`: JSON, hence YAML in which no value is mistaken for another type.

    `address` is `:port`, or the path of a unix socket. `driver` is the storage's own part. `htpasswd_path`, the
    accounts file, is a path inside the container, as are the PEM files of certificate chain and key; without these
    the registry speaks plain HTTP. When it is asked to end, it finishes what it has begun for `drain_seconds`.
    `debug` is the debug server's part; without it there is none. The result holds `http_secret` and so is itself a
    secret. Unfinished uploads are removed after a week by the registry's own default.
    """
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {
                **driver,
                **(_READ_ONLY if read_only else {}),
                # Always said: the example files of the images switch it on or off differently.
                "delete": {"enabled": delete_enabled},
            },
            "http": {
                "addr": address,
                **({"net": "unix"} if address.startswith("/") else {}),
                "secret": http_secret,
                # Lets a running push end when the Pod is replaced; without it the registry cuts it off.
                "draintimeout": f"{drain_seconds}s",
                # Behind a proxy that ends TLS, an absolute one would begin with http.
                "relativeurls": True,
                "headers": {"X-Content-Type-Options": ["nosniff"]},
                **_tls(certificate_path, key_path),
                **({"debug": debug} if debug else {}),
            },
            "auth": {"htpasswd": {"realm": "private-registry", "path": htpasswd_path}},
            # `GET /` answers 503 after three failures in a row, so that probes see a sick disk.
            "health": {"storagedriver": {"enabled": True, "interval": "10s", "threshold": 3}},
        },
        indent=2,
    )


def read_only(text: str) -> str:
    """Give the same configuration for a registry that takes no pushes."""
    config = json.loads(text)
    config["storage"] |= _READ_ONLY
    return json.dumps(config, indent=2)


def _tls(certificate_path: str, key_path: str) -> dict[str, object]:
    if not certificate_path:
        return {}
    return {
        "tls": {
            "certificate": certificate_path,
            "key": key_path,
            "minimumtls": "tls1.2",
            "ciphersuites": _CIPHER_SUITES,
        }
    }
