"""The shortest story that still fails in the same way: parts are taken away as long as the failure stays.

Delta debugging over the parts of a story, then over the values of what is left. Deterministic, and bounded by a number of
plays, because each play is a whole simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from reference_impl.simulation.story import MORNING, Payment, Story

__all__ = ["shrink"]

Fails = Callable[[Story], bool]

MOST_PLAYS = 400


class _Budget:
    def __init__(self, fails: Fails, most: int) -> None:
        self._fails, self.left = fails, most

    def fails(self, story: Story) -> bool:
        if self.left <= 0 or not story.payments:
            return False
        self.left -= 1
        return self._fails(story)


def shrink(story: Story, fails: Fails, most_plays: int = MOST_PLAYS) -> Story:
    """The smallest story found for which *fails* is still true; *story* itself if nothing can go."""
    budget = _Budget(fails, most_plays)
    while budget.left > 0:
        smaller = next((each for each in _smaller(story) if budget.fails(each)), None)
        if smaller is None:
            return story
        story = smaller
    return story


def _smaller(story: Story) -> Iterator[Story]:
    """Candidates, boldest first: halves of each kind of part, single parts, then plainer values."""
    for name in ("crashes", "strikes", "payments"):
        parts = getattr(story, name)
        if len(parts) > 1:
            half = len(parts) // 2
            yield replace(story, **{name: parts[:half]})
            yield replace(story, **{name: parts[half:]})
        for at in range(len(parts)):
            yield replace(story, **{name: (*parts[:at], *parts[at + 1 :])})
    if story.re_sign_in:
        yield replace(story, re_sign_in=0.0)
    if story.settles:
        yield replace(story, settles=0.0)
    if story.begins_at != MORNING:
        yield replace(story, begins_at=MORNING)
    for at, payment in enumerate(story.payments):
        for plainer in _plainer(payment):
            yield replace(story, payments=(*story.payments[:at], plainer, *story.payments[at + 1 :]))
    for at, crash in enumerate(story.crashes):
        if crash.down_s > 0 and crash.down_s != 1.0:
            yield replace(story, crashes=(*story.crashes[:at], replace(crash, down_s=1.0), *story.crashes[at + 1 :]))


def _plainer(payment: Payment) -> Iterator[Payment]:
    plain = {
        "kiosk": 1,
        "at_s": 0.0,
        "resident": 1,
        "kind": "bill",
        "bills": 1,
        "insured": False,
        "use_account": True,
        "payer": "pays",
        "wrong_pin": 0,
        "cancels": False,
        "walks_away": "",
        "refund_after_s": 0.0,
        "shows": "resident_id",
    }
    for name, value in plain.items():
        if getattr(payment, name) != value:
            yield replace(payment, **{name: value})
