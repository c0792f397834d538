"""The runner with a kiosk of this process in place of the real one: what it waits for, where it stops, what it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from flow_histories import pay_bill, trade

from conformance.flow.dossier import begin_flow_dossier, seal_flow, verify_flow
from conformance.flow.judge import judge_flow
from protocols.record import Record, read_history
from scenarios.build import BenchError
from scenarios.flow import runner as runner_module
from scenarios.flow.model import Flow, Step
from scenarios.flow.runner import FlowRunner

Pages = Mapping[str, list[dict[str, Any]]]


class FakeKiosk:
    ended = False

    async def stop(self) -> None:
        self.ended = True


class FakeStand:
    """Answers each step with its pages, as a kiosk would that somebody operates. ``pages`` by the word of the step."""

    pages: Pages = {}
    broken: Mapping[str, Exception] = {}

    def __init__(
        self, flow: Flow, work: Path, recorder: Any, clock: Any, on_facts: Callable[[Any], None], _page: Any
    ) -> None:
        self.recorder, self.on_facts = recorder, on_facts
        self.kiosk = FakeKiosk()
        self.services = type("Services", (), {"backend": None, "host": None})()

    async def __aenter__(self) -> FakeStand:
        self._show({"event": "idle"})
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    def _show(self, page: dict[str, Any]) -> None:
        self.on_facts(self.recorder.said(page).note)

    async def do(self, step: Step) -> None:
        if step.do in self.broken:
            raise self.broken[step.do]
        for page in self.pages.get(step.do, []):
            self._show(page)

    def last_words(self) -> str:
        return "nothing"


STEPS = ("choose-bill", "confirm-quote", "decided")


def flow_of(**more: Any) -> Flow:
    flow = pay_bill()
    steps = tuple(each.model_copy(update={"within_s": 0.2}) for each in flow.steps if each.do in STEPS)
    bench = flow.stood.model_copy(update={"backend": None, "programs": {"kiosk": ("{python}",)}})
    return flow.model_copy(update={"steps": steps, "bench": bench, **more})


def business(stage: str, **more: Any) -> dict[str, Any]:
    return {"event": "business", "stage": stage, **more}


RIGHT: Pages = {
    "choose-bill": [business("payer")],
    "confirm-quote": [business("method"), business("result", trade=trade("paid"), told="paid", presses=1)],
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(runner_module, "KioskStand", FakeStand)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def go(pages: Pages, flow: Flow | None = None, broken: Mapping[str, Exception] | None = None) -> Any:
        monkeypatch.setattr(FakeStand, "pages", pages)
        monkeypatch.setattr(FakeStand, "broken", broken or {})
        folder = tmp_path / "dossier"
        heard: list[Record] = []
        history = begin_flow_dossier(folder, "pay-bill")
        end = asyncio.run(FlowRunner(flow or flow_of(), history, folder / "evidence", heard.append).run())
        return end, folder, heard

    return go


def test_all_steps_in_their_order_and_every_record_is_heard(run: Callable[..., Any]) -> None:
    end, folder, heard = run(RIGHT)
    records = read_history(folder / "history.jsonl")
    assert (end.status, [each.line() for each in heard]) == ("done", [each.line() for each in records])
    verdict = judge_flow(records)
    assert [each.met for each in verdict.steps] == [True, True, True]
    seal_flow(folder)
    assert verify_flow(folder).problems == []


def test_it_stops_at_the_step_that_does_not_come_and_says_what_lacks(run: Callable[..., Any]) -> None:
    end, folder, _ = run({**RIGHT, "confirm-quote": [business("quote")]})
    assert (end.status, end.why) == ("failed", "step 2, confirm-quote")
    verdict = judge_flow(read_history(folder / "history.jsonl"))
    assert [each.met for each in verdict.steps] == [True, False, False]
    assert "page method expected within 0.2 s, at quote" in verdict.steps[1].why
    assert verdict.verdict == "fail"


def test_what_a_hand_could_not_do_is_the_reason(run: Callable[..., Any]) -> None:
    from scenarios.flow.citizen import NotPossible

    end, folder, _ = run(RIGHT, broken={"choose-bill": NotPossible("reader: its entry stayed shut within 1 s")})
    assert end.status == "failed"
    assert "its entry stayed shut" in judge_flow(read_history(folder / "history.jsonl")).steps[0].why


def test_the_whole_is_bounded(run: Callable[..., Any]) -> None:
    steps = tuple(each.model_copy(update={"within_s": 60}) for each in flow_of().steps)
    end, _, _ = run({}, flow_of(steps=steps, limit_s=0.3))
    assert (end.status, end.why) == ("failed", "not at its end within 0.3 s")


def test_a_harness_that_breaks_is_no_verdict_against_the_kiosk(run: Callable[..., Any]) -> None:
    end, folder, _ = run(RIGHT, broken={"choose-bill": RuntimeError("defect")})
    assert (end.status, end.why) == ("error", "RuntimeError: defect")
    assert seal_flow(folder).verdict == "error"


def test_a_bench_that_cannot_stand_is_said(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def cannot(self: FakeStand) -> FakeStand:
        raise BenchError("peer 'bank': the port is in use")

    monkeypatch.setattr(FakeStand, "__aenter__", cannot)
    end, _, _ = run(RIGHT)
    assert (end.status, end.why) == ("error", "BenchError: peer 'bank': the port is in use")


def test_something_personal_in_a_note_is_withheld_and_turns_the_verdict(run: Callable[..., Any]) -> None:
    from simulators.peer.city import City

    citizen = City().resident(7)
    assert citizen is not None
    pages = {**RIGHT, "choose-bill": [business("payer", notice=citizen.person.name)]}
    _, folder, _ = run(pages)
    assert citizen.person.name not in (folder / "history.jsonl").read_text(encoding="utf-8")
    assert "leak" in {each.kind for each in judge_flow(read_history(folder / "history.jsonl")).findings}


@pytest.mark.parametrize("name", ["history.jsonl", "verdict.json", "manifest.json", "signature.json"])
def test_one_byte_breaks_the_dossier(run: Callable[..., Any], name: str) -> None:
    _, folder, _ = run(RIGHT)
    seal_flow(folder)
    assert verify_flow(folder).problems == []
    file = folder / name
    raw = file.read_bytes()
    for at in (len(raw) // 5, len(raw) // 2, len(raw) - 3):
        file.write_bytes(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])
        assert verify_flow(folder).problems, (name, at)
    file.write_bytes(raw)
    assert verify_flow(folder).problems == []
    (folder / "more").write_text("x")
    assert "more" in verify_flow(folder).problems[0].file


def test_a_run_that_was_cut_off_is_incomplete(run: Callable[..., Any]) -> None:
    _, folder, _ = run(RIGHT)
    found = verify_flow(folder)
    assert [each.where for each in found.problems] == ["early"]
