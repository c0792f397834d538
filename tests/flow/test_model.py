"""Flow files: what is wrong is named with its line and what to write instead; those that ship are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_histories import FLOWS

from scenarios.flow.lock import WITHHELD, flow_of_lock, lock_of_flow
from scenarios.flow.model import is_flow, load_flow
from scenarios.strict_yaml import FileError

HEAD = """flow: mine
title: {zh: 我的, en: mine}
bench: BENCH
cards:
  social: {image: "3.0"}
steps:
"""
STEP = "  - {do: insert-card, card: social, expect: {page: pin}}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text.replace("BENCH", str(FLOWS.parent / "benches" / "pay-bill.yaml")), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.yaml")), ids=lambda each: each.stem)
def test_every_flow_that_ships_is_right_and_survives_its_lock(path: Path) -> None:
    assert is_flow(path)
    flow = load_flow(path)
    assert flow.flow == path.stem
    again = flow_of_lock(lock_of_flow(flow))
    assert lock_of_flow(again) == lock_of_flow(flow)
    assert again.steps == flow.steps


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (HEAD + STEP.replace("insert-card", "insert-crad"), 7, "unknown step; use one of insert-card"),
        (HEAD + STEP.replace("card: social", "card: bank"), 1, "there is no card 'bank'; known: social"),
        (HEAD + STEP.replace(", card: social", ""), 7, "a step insert-card needs `card:`"),
        (HEAD + STEP.replace("page: pin", "pages: pin"), 7, "did you mean 'page'?"),
        (HEAD + STEP.replace("expect", "choice: a, expect"), 7, "`choice:` means nothing in a step insert-card"),
        (HEAD + "  - {do: decided}\n", 7, "say under `expect:` what it waits for"),
        (HEAD + "  - {do: show-code}\n", 7, "a step show-code needs `code:`"),
        (HEAD + STEP.replace("card: social", "card: social, into: slot"), 7, "no simulated card reader 'slot'; it has: reader"),
        (HEAD.replace('"3.0"', '"4.0"') + STEP, 5, "there is no card '4.0'; write 3.0, 2.0, bank"),
        (HEAD.replace("steps:", "citizen: 99000000\nsteps:") + STEP, 1, "has no resident 99000000"),
        (HEAD.replace("steps:", "faults: {banks: [refuse]}\nsteps:") + STEP, 6, "has no peer 'banks'; it has: his"),
        (HEAD.replace("steps:", "faults:\n  bank: [reuse]\nsteps:") + STEP, 7, "no fault 'reuse' of a peer"),
        (HEAD.replace("steps:", "steps: 7"), 6, "tuple"),
        (HEAD + STEP + STEP.replace("expect", "within_s: 900, expect"), 8, "less than or equal to 120"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_remedy(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(FileError) as refused:
        load_flow(write(tmp_path, text))
    assert refused.value.problems[0][0] == line
    assert says in str(refused.value)


def test_a_flow_needs_a_kiosk_and_a_backend_to_kill(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    bench = FLOWS.parent / "benches" / "pin-pad.yaml"
    path.write_text(HEAD.replace("BENCH", str(bench)) + STEP + "  - {do: kill-backend}\n", encoding="utf-8")
    with pytest.raises(FileError) as refused:
        load_flow(path)
    said = str(refused.value)
    assert "a flow needs `programs: {kiosk: [...]}` on its bench" in said
    assert "no `backend:` of its own that could be killed" in said
    assert "no simulated card reader" in said


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("peers: {bnak: sim}", "there is no peer 'bnak'; known: bank"),
        ("peers: {bank: {settings: {cutover: x}}}", "no setting 'cutover'; known: "),
        ("peers: {bank: {settings: {pin_tries: x}}}", "'x' is no int"),
        ("peers: {bank: {faults: [oops]}}", "no fault 'oops'"),
        ("backend: {database: mysql}", "write sqlite"),
        ("backend: {terminal: 551}", "less than or equal to 550"),
    ],
)
def test_a_bench_says_what_is_wrong_with_its_services(tmp_path: Path, part: str, says: str) -> None:
    from scenarios.models import load_bench

    path = tmp_path / "bench.yaml"
    path.write_text(
        f'bench: b\nunder_test: kiosk\nslots:\n  r: {{class: card_reader, dialect: crt591, link: "pty://"}}\n{part}\n',
        encoding="utf-8",
    )
    with pytest.raises(FileError) as refused:
        load_bench(path)
    assert says in str(refused.value)


def test_no_lock_holds_a_key_or_a_password(tmp_path: Path) -> None:
    flow = load_flow(FLOWS / "pay-bill.yaml")
    bench = flow.stood
    peers = {**bench.peers, "bank": bench.peers["bank"].model_copy(update={"settings": {"fleet_key": "AB" * 16}})}
    backend = bench.backend.model_copy(update={"database": "postgresql://me:word@h:1/d"}) if bench.backend else None
    lock = lock_of_flow(
        flow.model_copy(update={"bench": bench.model_copy(update={"peers": peers, "backend": backend})})
    )
    assert lock["bench"]["peers"]["bank"]["settings"] == {"fleet_key": WITHHELD}
    assert lock["bench"]["backend"]["database"] == f"postgresql://{WITHHELD}"
