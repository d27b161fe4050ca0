"""Which offsets a training set is read from: those that the topics have now, or those of before as long as they are there."""

from __future__ import annotations

import pytest

from apps.errors import InputError
from apps.recall import _within

THERE = {"fraud.labels": {0: (0, 9)}, "fraud.decisions": {1: (4, 7), 0: (2, 5)}}


def test_by_default_all_is_read_up_to_the_ends_now() -> None:
    assert _within(THERE, None) == {"fraud.labels": {"0": [0, 9]}, "fraud.decisions": {"0": [2, 5], "1": [4, 7]}}


def test_a_window_of_before_is_read_again() -> None:
    before = {"fraud.labels": {"0": [0, 3]}, "fraud.decisions": {"0": [2, 4], "1": [0, 0]}}
    assert _within(THERE, before) == before


@pytest.mark.parametrize("window", [[1, 4], [3, 6]])
def test_offsets_that_are_gone_or_not_there_yet_are_refused_by_name(window: list[int]) -> None:
    with pytest.raises(
        InputError, match=rf"fraud.decisions, partition 0: offsets {window[0]} to {window[1]} are wanted, and it holds 2 to 5"
    ):
        _within(THERE, {"fraud.decisions": {"0": window}})
