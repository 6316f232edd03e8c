import pytest

from salver.repository.policies import Amended, Every, Latest, Specific, VersionPolicy


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Latest(), [10]),
        (Latest(2), [2, 10]),
        (Latest(9), [1, 2, 10]),
        (Every(), [1, 2, 10]),
        (Specific(frozenset({2, 1})), [1, 2]),
        (Specific(frozenset({3})), []),
        (Amended(Latest(), also=frozenset({1, 7})), [1, 10]),
        (Amended(Every(), never=frozenset({2})), [1, 10]),
        (Amended(Latest(), never=frozenset({10})), [2]),
    ],
)
def test_a_policy_chooses_among_the_versions_there_are(policy: VersionPolicy, chosen: list[int]) -> None:
    assert policy.chosen([10, 1, 2]) == chosen
    assert policy.chosen([]) == []


def test_only_versions_that_are_named_can_be_missing() -> None:
    assert Latest(2).named == Every().named == frozenset()
    assert Specific(frozenset({3})).named == {3}
    assert Amended(Specific(frozenset({3})), frozenset({4}), frozenset({3})).named == {4}
