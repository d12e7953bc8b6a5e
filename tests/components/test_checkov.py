"""The reasons on our workloads for what checkov finds: each where the setting that needs it is on, only there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from components.cluster.checkov import PREFIX
from tests.components.declaration import CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, declared
from tests.components.recorder import Recorder

DIGEST: Final = f"sha256:{'0' * 64}"
BY_TAG: Final = {"CKV_K8S_15", "CKV_K8S_43"}
OF_PLACE: Final = {"CKV_K8S_21", "CKV2_K8S_6"}
NO_PROBES: Final = {"CKV_K8S_8", "CKV_K8S_9"}
ROOT: Final = {"CKV_K8S_23", "CKV_K8S_40"}
OF_THE_NODE: Final = {"CKV_K8S_25", "CKV_K8S_26"}
BY_DIGEST: Final[Mapping[str, Any]] = {"image": f"registry:3.1.1@{DIGEST}", "door_image": f"nginx:1.28@{DIGEST}"}
CLAIM: Final[Mapping[str, Any]] = {"storage": "claim", "exposure": "nodePort", "node": ""}
WITH_RIGHTS: Final[Mapping[str, Any]] = {"users": {"ci": "canary of ci"}, "rights": {"ci": "pull *"}}


def reasons(recorder: Recorder, kind: str) -> dict[str, str]:
    """Give what the one object of this kind says, by the check."""
    annotations = recorder.one(kind).inputs["metadata"]["annotations"]
    return {
        key.removeprefix(PREFIX): value.partition("=")[2]
        for key, value in annotations.items()
        if key.startswith(PREFIX)
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, BY_TAG | OF_PLACE | OF_THE_NODE),
        ({"image": BY_DIGEST["image"]}, OF_PLACE | OF_THE_NODE),
        ({"namespace": "images"}, BY_TAG | OF_THE_NODE | {"CKV2_K8S_6"}),
        ({"network_addresses": ("10.0.0.0/8",)}, BY_TAG | OF_THE_NODE | {"CKV_K8S_21"}),
        (CLAIM, BY_TAG | OF_PLACE),
        ({**CLAIM, "image": BY_DIGEST["image"], "metrics": True}, BY_TAG | OF_PLACE | {"CKV_K8S_9"}),
        ({**CLAIM, **BY_DIGEST, "metrics": True}, OF_PLACE | {"CKV_K8S_9"}),
        ({**CLAIM, **BY_DIGEST, **WITH_RIGHTS}, OF_PLACE | NO_PROBES),
        (
            {
                **CLAIM,
                "image": BY_DIGEST["image"],
                "namespace": "images",
                "network_addresses": ("10.0.0.0/8",),
            },
            set(),
        ),
    ],
)
def test_the_registry_says_why_by_its_settings(settings: dict[str, Any], expected: set[str]) -> None:
    """A setting that checkov likes better takes the reason away."""
    assert reasons(declared(**settings), DEPLOYMENT).keys() == expected


def test_a_check_with_two_causes_has_both_reasons() -> None:
    """The door and the metrics each leave a container without a probe."""
    alone = reasons(declared(metrics=True), DEPLOYMENT)["CKV_K8S_9"]
    both = reasons(declared(metrics=True, **WITH_RIGHTS), DEPLOYMENT)["CKV_K8S_9"]

    assert both.endswith(f"; {alone}")


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (DAEMON_SET, {}, BY_TAG | OF_PLACE | ROOT | NO_PROBES),
        (DAEMON_SET, BY_DIGEST, OF_PLACE | ROOT | NO_PROBES),
        (POD, {}, OF_PLACE | NO_PROBES),
        (POD, {"namespace": "images", "pull_namespaces": ("team",)}, NO_PROBES | {"CKV2_K8S_6"}),
        (CRON_JOB, {"metrics": True, "proof_minutes": 15}, {"CKV_K8S_21"}),
        (JOB, {"remove_data": True}, BY_TAG | OF_PLACE | ROOT | {"CKV_K8S_25"}),
        (JOB, {"remove_data": True, **CLAIM}, BY_TAG | OF_PLACE),
    ],
)
def test_the_others_say_why_as_well(kind: str, settings: dict[str, Any], expected: set[str]) -> None:
    """Node trust, the proofs and the removal."""
    values = {**BY_DIGEST, "metrics": True} if settings is BY_DIGEST else settings

    assert reasons(declared(**values), kind).keys() == expected


@pytest.mark.parametrize("kind", [DEPLOYMENT, DAEMON_SET, POD, CRON_JOB])
def test_checkov_can_read_each_reason(kind: str) -> None:
    """It ends with an error where a reason has an equals sign of its own."""
    recorder = declared(metrics=True, proof_minutes=15, **WITH_RIGHTS)
    annotations = recorder.one(kind).inputs["metadata"]["annotations"]
    found = {key: value for key, value in annotations.items() if key.startswith(PREFIX)}

    assert found
    for key, value in found.items():
        assert re.fullmatch(rf"{key.removeprefix(PREFIX)}=[^=]{{15,}}", value)


@pytest.mark.parametrize("kind", [DEPLOYMENT, DAEMON_SET])
def test_pods_have_none_of_it(kind: str) -> None:
    """Else a reason that comes or goes would start them anew."""
    metadata = declared(metrics=True).one(kind).inputs["spec"]["template"]["metadata"]

    assert not [key for key in metadata.get("annotations", {}) if key.startswith(PREFIX)]
