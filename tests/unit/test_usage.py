"""Which images the Pods of a cluster use."""

from typing import Any

from operations.usage import Usage

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


def pod(spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Give a Pod."""
    return {"metadata": {"namespace": "shop", "name": "web"}, "spec": spec, "status": status}


def test_images_of_all_kinds_of_containers_are_found() -> None:
    """By what was asked for and by what runs."""
    usage = Usage.of(
        [
            pod(
                {
                    "containers": [{"image": "10.0.0.5:5000/team/app:v1"}],
                    "initContainers": [{"image": f"10.0.0.5:5000/setup@{ONE}"}],
                    "ephemeralContainers": [{"image": "registry.example.com/debug"}],
                },
                {
                    "containerStatuses": [{"image": "team/app:v1", "imageID": f"10.0.0.5:5000/team/app@{TWO}"}],
                    "initContainerStatuses": [{"image": THREE, "imageID": f"docker-pullable://x/y@{ONE}"}],
                },
            )
        ]
    )

    assert usage.digests == dict.fromkeys((ONE, TWO, THREE), "shop/web")
    assert set(usage.names) == {"team/app:v1", "debug:latest"}
    assert usage.holder("team/app", "v1", []) == "shop/web"
    assert usage.holder("team/app", "v2", [TWO]) == "shop/web"
    assert usage.holder("team/app", "v2", []) == ""


def test_a_pod_without_any_status_counts_by_what_it_asks_for() -> None:
    """As one that waits for a node."""
    usage = Usage.of([pod({"containers": [{"image": f"localhost:5000/app:v1@{ONE}"}]}, {})])

    assert usage.digests == {ONE: "shop/web"}
    assert usage.names == {"app:v1": "shop/web"}
