"""The registry as the component tests declare it."""

from __future__ import annotations

from typing import Any, Final

from components import PrivateRegistry, Settings
from tests.components.recorder import Recorder

SEED: Final = "5e" * 32
PASSWORD: Final = 'canary "é" canary'
NEEDED: Final = {"host": "10.0.0.5", "node": "node-1", "password": PASSWORD}

REGISTRY: Final = "private-registry:index:PrivateRegistry"
SERVER: Final = "private-registry:index:RegistryServer"
PROOF: Final = "private-registry:index:ImageProof"
DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
JOB: Final = "kubernetes:batch/v1:Job"
POD: Final = "kubernetes:core/v1:Pod"
SECRET: Final = "kubernetes:core/v1:Secret"
SERVICE: Final = "kubernetes:core/v1:Service"
IMAGE: Final = "docker:index/image:Image"
STASH: Final = "pulumi:index:Stash"


def declared(*, preview: bool = False, stashed: str | None = SEED, **values: Any) -> Recorder:  # noqa: ANN401
    """Declare a registry called `registry` with these settings, and give what was registered."""
    recorder = Recorder(preview=preview, stashed=stashed)
    recorder.run(lambda: PrivateRegistry("registry", Settings(**{**NEEDED, **values})))
    return recorder
