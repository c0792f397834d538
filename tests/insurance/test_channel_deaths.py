"""The backend dies at any message and any commit, and its numbers never come again (spec/services.md 1.7, 8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocols.wire.http import HttpReply, HttpRequest
from reference_impl.backend.channels.insurance_numbers import MessageNumbers
from reference_impl.backend.settlement.model import TradeState

from .clinic import MORNING
from .world import World, die_and_check, pay_and_check, play

# Deaths of the backend.


def _wire_send(world: World, hit: Any) -> None:
    world.line.on_request = hit


def _wire_sent(world: World, hit: Any) -> None:
    world.line.on_sent = hit


def _wire_receive(world: World, hit: Any) -> None:
    world.line.on_reply = hit


def _wire_commit(world: World, hit: Any) -> None:
    world.rows.on_commit = hit


@pytest.mark.parametrize("nth", range(1, 12))
@pytest.mark.parametrize(
    ("fault", "down_s"),
    [
        ("", 0.0),
        ("commit-then-drop-reply:2207", 40.0),
        ("drop-request:2207", 0.0),
        ("delay-then-commit:2207", 40.0),
        ("drop-request:2201", 0.0),
    ],
)
@pytest.mark.parametrize("wire", [_wire_send, _wire_sent, _wire_receive, _wire_commit])
def test_the_backend_dies_at_any_message_and_any_commit(wire: Any, fault: str, nth: int, down_s: float) -> None:
    async def story(world: World) -> None:
        trade = await die_and_check(world, wire, nth, down_s)
        if trade is not None:
            assert trade.state in (TradeState.PAID, TradeState.CLOSED)
        assert "peer-contradicts-itself" not in world.rows.alarms
        assert [each for each in world.line.peer.violations() if "gateway" not in each] == []

    play(story, faults=[fault] if fault else [])


# Numbers.


def test_numbers_never_come_again() -> None:
    made = [
        numbers.next("H44190000001", MORNING + second)
        for numbers in (MessageNumbers(1), MessageNumbers(2), MessageNumbers(13))
        for second in (0.0, 0.9, 1.0, 0.5)
        for _ in range(700)
    ]
    assert len(set(made)) == len(made)
    assert all(len(each) == 30 for each in made)
    assert made[0] == "H44190000001202611220800001000"


def test_every_number_that_moves_money_is_stored_before_it_is_sent() -> None:
    async def story(world: World) -> None:
        stored: set[str] = set()

        def seen(infno: str, request: HttpRequest) -> HttpReply | None:
            if infno in ("2207", "2208", "2601"):
                text = json.dumps([list(row) for row in world.rows.tables["attempts"].values()], default=str)
                assert json.loads(request.body)["msgid"] in text
                stored.add(infno)
            return None

        world.line.on_request = seen
        await pay_and_check(world)
        await world.pay("k2")
        await world.pay("k3")
        assert stored == {"2207", "2601", "2208"}

    play(
        story,
        faults=["drop-request:2207", "refuse:2601", "delay-then-commit:2207"],
        commit_refused=True,
    )
