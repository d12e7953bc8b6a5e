"""How the registry's Pods follow each other."""

from components.server.rollout import Rollout


def test_a_pod_that_has_all_alone_goes_first() -> None:
    """Two would write the same files, or want the same port."""
    alone = Rollout(overlaps=False, replicas=1)

    assert alone.strategy == {"type": "Recreate"}
    assert (alone.lifecycle, alone.spread("registry"), alone.is_spread) == (None, None, False)


def test_others_overlap_and_none_is_missing() -> None:
    """The new Pod is Ready before an old one goes."""
    assert Rollout(overlaps=True, replicas=1).strategy == {
        "type": "RollingUpdate",
        "rolling_update": {"max_surge": 1, "max_unavailable": 0},
    }


def test_kubernetes_waits_for_all_that_the_registry_finishes() -> None:
    """Else it kills a push that the drain was for."""
    for rollout in (Rollout(overlaps=False, replicas=1), Rollout(overlaps=True, replicas=2)):
        stopped_first = int(rollout.lifecycle["pre_stop"]["exec_"]["command"][1]) if rollout.lifecycle else 0

        assert rollout.grace_seconds > stopped_first + rollout.drain_seconds


def test_pods_of_before_are_asked_as_long_as_they_serve_on() -> None:
    """A Pod that goes first is asked no more."""
    beside = Rollout(overlaps=True, replicas=2)

    assert Rollout(overlaps=False, replicas=1).seconds_known == 0
    assert beside.lifecycle == {"pre_stop": {"exec_": {"command": ["sleep", str(beside.seconds_known)]}}}


def test_one_pod_needs_no_spread() -> None:
    """A budget for it would only keep its node from being drained."""
    assert not Rollout(overlaps=True, replicas=1).is_spread
    assert Rollout(overlaps=True, replicas=2).is_spread
