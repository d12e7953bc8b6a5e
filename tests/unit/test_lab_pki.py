"""Credentials of a lab: the chain verifies, names and rights are those asked for, keys are for root alone."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.pki import Authority
from lab.ui import LabError

NAMES = ["127.0.0.1", "192.168.99.100", "localhost", "kubernetes.default.svc"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that writes into a new folder."""
    return Authority(tmp_path / "pki")


@pytest.fixture
def pki(authority: Authority, tmp_path: Path) -> Path:
    """The folder with a server's and a client's files."""
    authority.serving("apiserver", NAMES)
    authority.client("admin", "kubernetes-admin", "system:masters")
    return tmp_path / "pki"


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_certificates_are_signed_by_the_lab_s_authority(pki: Path, tmp_path: Path) -> None:
    """And not by that of another lab."""
    other = Authority(tmp_path / "other")
    other.client("admin", "kubernetes-admin", "system:masters")
    ca = _certificate(pki / "ca.crt")

    _certificate(pki / "apiserver.crt").verify_directly_issued_by(ca)
    _certificate(pki / "admin.crt").verify_directly_issued_by(ca)
    with pytest.raises(InvalidSignature):
        _certificate(tmp_path / "other" / "admin.crt").verify_directly_issued_by(ca)


def test_the_server_is_known_by_each_name_and_no_other(pki: Path) -> None:
    """DNS names and IP addresses each in their own kind, as clients demand."""
    extension = _certificate(pki / "apiserver.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName)

    assert [str(ip) for ip in extension.value.get_values_for_type(x509.IPAddress)] == NAMES[:2]
    assert extension.value.get_values_for_type(x509.DNSName) == NAMES[2:]


def test_servers_serve_and_clients_ask(pki: Path) -> None:
    """Neither certificate does for the other's purpose, and only the authority's own may sign."""
    usages = {
        name: list(
            _certificate(pki / f"{name}.crt").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        )
        for name in ("apiserver", "admin")
    }
    ca = _certificate(pki / "ca.crt").extensions.get_extension_for_class(x509.BasicConstraints)

    assert usages == {"apiserver": [ExtendedKeyUsageOID.SERVER_AUTH], "admin": [ExtendedKeyUsageOID.CLIENT_AUTH]}
    assert ca.value.ca
    assert ca.critical


def test_a_client_is_its_user_in_its_group(pki: Path, authority: Authority) -> None:
    """Kubernetes reads the user from the common name and the group from the organisation."""
    authority.client("scheduler", "system:kube-scheduler", None)

    subjects = {name: _certificate(pki / f"{name}.crt").subject for name in ("admin", "scheduler")}

    assert subjects["admin"].get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "kubernetes-admin"
    assert subjects["admin"].get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:masters"
    assert subjects["scheduler"].get_attributes_for_oid(NameOID.ORGANIZATION_NAME) == []


def test_keys_belong_to_their_certificates(pki: Path) -> None:
    """Each key file is that of the certificate beside it."""
    for name in ("apiserver", "admin"):
        key = serialization.load_pem_private_key((pki / f"{name}.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert _public(key.public_key()) == _public(_certificate(pki / f"{name}.crt").public_key())


def test_service_account_keys_are_a_pair(pki: Path) -> None:
    """The API server signs with one and checks with the other."""
    key = serialization.load_pem_private_key((pki / "service-account.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)

    assert _public(key.public_key()) == (pki / "service-account.pub").read_bytes()


def test_secrets_are_readable_by_their_owner_alone(pki: Path, authority: Authority, tmp_path: Path) -> None:
    """Key files and kubeconfigs have mode 0600, whatever the umask; the folder is closed as well."""
    authority.kubeconfig(tmp_path / "admin.conf", "https://192.168.99.100:6443", "kubernetes-admin", None)
    files = [*pki.glob("*.key"), tmp_path / "admin.conf"]

    assert len(files) == 5
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert pki.stat().st_mode & 0o777 == 0o700


def test_a_node_that_joins_later_gets_credentials_of_the_same_authority(pki: Path) -> None:
    """The authority's key is kept beside its certificate, and neither changes."""
    before = {file.name: file.read_bytes() for file in pki.iterdir()}

    Authority(pki).client("late", "system:node:late", "system:nodes")

    assert {file.name: file.read_bytes() for file in pki.iterdir() if file.stem != "late"} == before
    _certificate(pki / "late.crt").verify_directly_issued_by(_certificate(pki / "ca.crt"))


def test_a_lab_without_its_authority_s_key_takes_nobody_in(pki: Path) -> None:
    """As those of older versions: no second authority takes the place of the one that everybody trusts."""
    before = (pki / "ca.crt").read_bytes()
    (pki / "ca.key").unlink()

    with pytest.raises(LabError) as refused:
        Authority(pki)
    assert str(refused.value) == (
        f"{pki} has no ca.key, as in labs of older versions, so nobody can join that lab: "
        "end it with `make down` and start another."
    )
    assert (pki / "ca.crt").read_bytes() == before


def test_a_kubeconfig_holds_all_that_a_client_needs(authority: Authority, pki: Path, tmp_path: Path) -> None:
    """Server, authority, certificate and its key, under the one context that is current."""
    path = tmp_path / "deep" / "scheduler.conf"
    authority.kubeconfig(path, "https://192.168.99.100:6443", "system:kube-scheduler", None)
    content = json.loads(path.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    key = serialization.load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)

    assert cluster["server"] == "https://192.168.99.100:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == (pki / "ca.crt").read_bytes()
    assert _public(key.public_key()) == _public(certificate.public_key())
    assert content["current-context"] == content["contexts"][0]["name"] == "minikube"
    assert content["contexts"][0]["context"] == {"cluster": "minikube", "user": "system:kube-scheduler"}
