"""A lab's certificate authority, made afresh per lab, and the certificates and kubeconfigs that it signs."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.ui import LabError

_LIFETIME = datetime.timedelta(days=365)


class Authority:
    """The lab's certificate authority; writes what it signs into one folder, keys for root's eyes only.

    Its own key lies there too, for a node that joins later; a folder without an authority gets a new one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab-ca")])
        if (folder / "ca.crt").exists():
            if not (folder / "ca.key").exists():
                raise LabError(
                    f"{folder} has no ca.key, as in labs of older versions, so nobody can join that lab: "
                    "end it with `make down` and start another."
                )
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            self._key = key
            self._certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        else:
            self._make()

    def serving(self, file: str, names: list[str]) -> None:
        """Write file.crt and file.key of a server that is reached by these names and IP addresses."""
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        key, certificate = self._sign(
            file, None, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(alternatives)
        )
        _write_secret(self._folder / f"{file}.key", key)
        (self._folder / f"{file}.crt").write_bytes(certificate)

    def client(self, file: str, user: str, group: str | None) -> None:
        """Write file.crt and file.key of a client that the API server knows as this user in this group."""
        key, certificate = self._sign(user, group, ExtendedKeyUsageOID.CLIENT_AUTH, None)
        _write_secret(self._folder / f"{file}.key", key)
        (self._folder / f"{file}.crt").write_bytes(certificate)

    def kubeconfig(self, path: Path, server: str, user: str, group: str | None) -> None:
        """Write a kubeconfig with a client certificate inside; its one context is called `minikube`."""
        key, certificate = self._sign(user, group, ExtendedKeyUsageOID.CLIENT_AUTH, None)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "minikube",
            "clusters": [
                {
                    "name": "minikube",
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": _text(_pem(self._certificate)),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate-data": _text(certificate), "client-key-data": _text(key)},
                }
            ],
            "contexts": [{"name": "minikube", "context": {"cluster": "minikube", "user": user}}],
        }
        _write_secret(path, json.dumps(content, indent=1).encode())

    def _make(self) -> None:
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        _write_secret(folder / "ca.key", _key_pem(self._key))
        (folder / "ca.crt").write_bytes(_pem(self._certificate))
        account = ec.generate_private_key(ec.SECP256R1())
        _write_secret(folder / "service-account.key", _key_pem(account))
        (folder / "service-account.pub").write_bytes(
            account.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def _sign(
        self,
        user: str,
        group: str | None,
        usage: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
    ) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        builder = self._builder(x509.Name(attributes), key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return _key_pem(key), _pem(builder.sign(self._key, hashes.SHA256()))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + _LIFETIME)
        )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
