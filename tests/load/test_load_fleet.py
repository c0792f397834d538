"""The fleet in virtual time: it sends when it should whatever the platform does, and owns up to its own lag."""

from __future__ import annotations

import pytest
from virtual_fleet import PretendPlatform, VirtualHub, run_fleet, virtual_fleet

from loadtest.fleet import Terms
from loadtest.kiosk import NotOnDutyError
from loadtest.latency import Series
from loadtest.schedule import Stage

STEADY = [Stage("steady", "steady", 20.0, 2.0)]
SERVICE = ["identify", "bills", "open", "pay", "decide", "receipt"]


def test_a_service_is_six_calls_at_their_instants() -> None:
    """Pauses of 1, 2, 4 and 1 s; every answer takes 2 ms; half a second after the press there is a decision."""
    platform = PretendPlatform(VirtualHub())
    stages = [Stage("one", "steady", 1.0, 1.0)]
    fleet = virtual_fleet(stages, platform)
    run_fleet(fleet, stages)
    rows = [each for each in fleet.rows if each.call != "heartbeat"]
    assert [each.call for each in rows] == SERVICE
    assert [round(each.due_s, 3) for each in rows] == [0.0, 1.002, 3.004, 7.006, 7.008, 8.508]
    assert [each.lag_s for each in rows] == pytest.approx([0.0] * 6)
    assert [round(each.latency_s, 3) for each in rows] == [0.002, 0.002, 0.002, 0.002, 0.5, 0.002]
    assert [each.waits for each in rows] == [False] * 4 + [True, False]
    outcome = fleet.visits[0].outcome
    assert (outcome.said, outcome.method, outcome.why, outcome.trade_no) == ("paid", "wechat", "", "T000001")
    assert outcome.quoted_s == pytest.approx(0.002)
    assert outcome.decided_s == pytest.approx(0.502)


def test_a_stall_is_counted_from_the_intended_instants() -> None:
    """A platform of 2 ms that stands still for 1 s in every 10, six times: of 600 services in steps of 100 ms each tenth
    begins in a stall, six of them 0.9 s before its end, six 0.8 s, and so on. The 594th in order is one of the second
    six. Whoever counts from the sending of the next free user sees 2 ms."""

    def takes_s(t: float) -> float:
        return 0.002 if t % 10 >= 1 else 1.002 - t % 10

    platform = PretendPlatform(VirtualHub(), takes_s)
    stages = [Stage("steady", "steady", 60.0, 10.0)]
    fleet = virtual_fleet(stages, platform, 200)
    run_fleet(fleet, stages)
    first = Series(each.latency_s for each in fleet.rows if each.call == "identify").summary()
    assert first.count == 600
    assert (first.p50_ms, first.p90_ms) == pytest.approx((2, 2))
    assert (first.p99_ms, first.most_ms) == pytest.approx((802, 902))


def test_a_stalled_platform_gets_no_fewer_arrivals() -> None:
    platform = PretendPlatform(VirtualHub(), lambda t: 5.0)
    fleet = virtual_fleet(STEADY, platform, 40)
    run_fleet(fleet, STEADY)
    begun = [each.due_s for each in fleet.rows if each.call == "identify"]
    assert sorted(begun) == pytest.approx([number / 2 for number in range(40)])
    assert fleet.offered == {"steady": 40}


def test_its_own_lag_is_recorded_and_not_put_down_to_the_platform() -> None:
    hub = VirtualHub()
    hub.late_s = lambda t: 0.250 if 1010.0 <= t < 1012.0 else 0.0
    platform = PretendPlatform(hub, lambda t: 0.0)
    fleet = virtual_fleet(STEADY, platform, 40)
    run_fleet(fleet, STEADY)
    lags = Series(each.lag_s for each in fleet.rows).summary()
    assert lags.p50_ms == 0
    assert lags.most_ms >= 250
    late = [each for each in fleet.rows if each.lag_s > 0.1]
    assert late
    assert all(each.latency_s >= each.service_s + 0.1 for each in late)


def test_a_barrier_presses_in_one_instant() -> None:
    stages = [Stage("barrier", "barrier", 30.0, count=50)]
    platform = PretendPlatform(VirtualHub())
    fleet = virtual_fleet(stages, platform, 50)
    run_fleet(fleet, stages)
    presses = [each for each in fleet.rows if each.call == "pay"]
    assert len(presses) == 50
    assert {round(each.due_s, 6) for each in presses} == {30.0}
    assert {round(each.sent_s, 6) for each in presses} == {30.0}
    assert all(each.outcome.pressed_s == 30.0 for each in fleet.visits)
    assert {each.outcome.said for each in fleet.visits} == {"paid"}


def test_who_finds_the_kiosk_busy_is_counted() -> None:
    """One kiosk, a service of 8.5 s, a citizen every 5 s: of four, each second one goes away."""
    stages = [Stage("steady", "steady", 20.0, 0.2)]
    platform = PretendPlatform(VirtualHub())
    fleet = virtual_fleet(stages, platform, 1)
    run_fleet(fleet, stages)
    assert (fleet.offered, fleet.dropped, len(fleet.visits)) == ({"steady": 4}, {"steady": 2}, 2)


def test_heartbeats_never_wait_for_services() -> None:
    stages = [Stage("steady", "steady", 20.0, 1.0)]
    platform = PretendPlatform(VirtualHub(), lambda t: 3.0)
    fleet = virtual_fleet(stages, platform, 10)
    run_fleet(fleet, stages, heartbeat_s=5.0)
    beats = [each for each in fleet.rows if each.call == "heartbeat"]
    assert len(beats) == 40
    assert max(each.lag_s for each in beats) == pytest.approx(0)


def test_what_was_not_answered_is_sent_again_with_its_key_and_counts_from_the_first_time() -> None:
    hub = VirtualHub()
    platform = PretendPlatform(hub)
    stages = [Stage("one", "steady", 1.0, 1.0)]
    fleet = virtual_fleet(stages, platform, 1, terms=Terms(exchange_s=6.0))
    platform.silent = {"POST /v1/trades/T000001/pay"}
    run_fleet(fleet, stages)
    presses = [each for each in fleet.rows if each.call == "pay"]
    assert [(each.status, each.code) for each in presses] == [(0, "no reply in time"), (200, "")]
    assert presses[1].due_s == pytest.approx(presses[0].heard_s + 1.0)
    assert len(platform.trades) == 1
    assert fleet.visits[0].outcome.said == "paid"
    # 6 s of silence, 1 s of pause, 2 ms, half a second: from the first press.
    assert fleet.visits[0].outcome.decided_s == pytest.approx(7.502)


def test_a_refusal_is_told_and_turned_back() -> None:
    platform = PretendPlatform(VirtualHub())
    platform.refuse = {"POST /v1/trades/T000001/pay": (409, "trade-state", False)}
    stages = [Stage("one", "steady", 1.0, 1.0)]
    fleet = virtual_fleet(stages, platform, 1)
    run_fleet(fleet, stages)
    outcome = fleet.visits[0].outcome
    assert (outcome.said, outcome.why) == ("not-paid", "pay: trade-state")
    assert platform.trades["T000001"]["state"] == "closed"


def test_a_reply_that_is_something_else_is_a_defect_of_the_platform() -> None:
    platform = PretendPlatform(VirtualHub())
    platform._business = lambda request, body: _odd()  # type: ignore[method-assign]
    stages = [Stage("one", "steady", 1.0, 1.0)]
    fleet = virtual_fleet(stages, platform, 1)
    run_fleet(fleet, stages)
    row = next(each for each in fleet.rows if each.call == "identify")
    assert (row.status, row.code) == (200, "not-a-Visitor")
    assert fleet.visits[0].outcome.why == "identify: not-a-Visitor"


def _odd() -> object:
    from protocols.wire.http import json_reply

    return json_reply({"something": "else"})


def test_without_a_code_nothing_begins() -> None:
    platform = PretendPlatform(VirtualHub())
    fleet = virtual_fleet(STEADY, platform, 2)
    raised: list[Exception] = []

    def prepare() -> None:
        try:
            fleet.prepare({})
        except NotOnDutyError as error:
            raised.append(error)

    fleet.hub.spawn(prepare)
    fleet.hub._loop.switch()  # type: ignore[attr-defined]
    assert "KSK-0000" in str(raised[0])
    assert "no enrolment code" in str(raised[0])
    assert platform.heard == []


def test_a_stop_lets_nobody_come_any_more() -> None:
    hub = VirtualHub()
    platform = PretendPlatform(hub)
    fleet = virtual_fleet(STEADY, platform, 40)

    def stopper() -> None:
        hub.sleep_until(1010.0)
        fleet.stop(5.0)

    hub.spawn(stopper)
    ended_s = run_fleet(fleet, STEADY)
    assert 0 < fleet.offered["steady"] < 25
    assert ended_s <= 16.0


def test_nothing_that_identifies_leaves_in_the_clear() -> None:
    platform = PretendPlatform(VirtualHub())
    stages = [Stage("one", "steady", 1.0, 1.0)]
    fleet = virtual_fleet(stages, platform, 1)
    bodies: list[bytes] = []
    answer = platform._answer
    platform._answer = lambda request: bodies.append(request.body) or answer(request)  # type: ignore[method-assign, func-returns-value]
    run_fleet(fleet, stages)
    person = fleet.guests(next(iter(_planned(stages)))).resident.person
    assert platform.shown[0]["id_number"] == person.id_number
    assert all(person.id_number.encode() not in each and person.name.encode() not in each for each in bodies)


def _planned(stages: list[Stage]) -> object:
    from loadtest.schedule import arrivals

    return arrivals(stages, 1, 1)
