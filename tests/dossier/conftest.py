"""A small run of a card reader, made by hand: pass, fail, waived fail, undecided, error, and two checks not run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from conformance.catalogue import catalogue as clause_catalogue
from conformance.dossier.seal import SigningKey
from conformance.dossier.snapshot import Catalogue, take_catalogue
from conformance.dossier.write import write_dossier
from conformance.execute import judge
from conformance.model import Blame, Check, Outcome, Verdict
from conformance.result import (
    BenchInventory,
    BenchSlot,
    EquivalentMutant,
    KillMatrix,
    Laboratory,
    MutantRow,
    NotRun,
    PreflightResult,
    RunResult,
    RunStatus,
    WaiverUse,
)
from conformance.roles.card_reader_view import ReaderView, card_reader_dialect
from conformance.strict_json import to_plain
from protocols.record import History, canonical
from protocols.wire.base import Label
from protocols.wire.card_reader import Media, Op, Reply, Request

SLOT = "reader"
PICS = {"reader.sam_sockets": 2, "reader.shutter": True}
PARAMETERS = {"entry.delay_ms": 300}
FACTS: dict[str, Any] = {
    "dialect": "crt591",
    "generation": None,
    "pics": PICS,
    "parameters": PARAMETERS,
    "pixit": {},
    "bench_class": "real_device",
    "clock": "real",
    "hand": [],
}
BENCH: dict[str, Any] = {
    "bench": "样例台架",
    "under_test": ["device.card_reader"],
    "slots": {
        SLOT: {"class": "card_reader", "dialect": "crt591", "link": "serial:///dev/ttyUSB1"},
        "card": {"class": "card", "link": "pcsc://some reader"},
    },
    "seed": 7,
}
NOT_RUN = (
    NotRun("fake.empty", "card", Verdict.NOT_APPLICABLE, Label("只适用于读卡器", "exists only for readers")),
    NotRun("fake.undecided", "card", Verdict.NOT_TESTED, Label("没有卡", "there is no card")),
)


class _ReaderCheck(Check):
    device_class = "card_reader"
    kills = ("reader.never_acks",)


class Answers(_ReaderCheck):
    """DG-W20-11: the reader answers a status request.

    Broken by a reader that acknowledges and then keeps silent.
    """

    id = "fake.answers"
    title = Label("状态命令有应答", "the status command is answered")
    clauses = ("DG-W20-11",)

    def oracle(self, v: ReaderView) -> None:
        exchange = v.step("ask").only(Op.STATUS)
        v.must(exchange.reply.ok, "状态命令成功", "the status command succeeds", exchange)


class Empty(_ReaderCheck):
    """DG-W20-14: a reader without a card says so."""

    id = "fake.empty"
    title = Label("无卡时报告无卡", "an empty reader says so")
    clauses = ("DG-W20-14", "DG-W20-11")

    def oracle(self, v: ReaderView) -> None:
        exchange = v.step("ask").only(Op.STATUS)
        v.media_is(exchange, [Media.NONE], "无卡时的状态", "status without a card")


class Undecided(_ReaderCheck):
    """DG-WXC-14: needs an eye that is not there."""

    id = "fake.undecided"
    title = Label("指示灯", "the lamp")
    clauses = ("DG-WXC-14",)

    def oracle(self, v: ReaderView) -> None:
        v.unsure("没有人看指示灯 <b>&", "nobody watched the lamp <b>&", v.step("ask").first)


class Waived(Empty):
    """DG-WXC-14: like the empty reader, but known to fail."""

    id = "fake.waived"
    title = Label("已知问题", "a known problem")
    clauses = ("DG-WXC-14",)


CHECKS: tuple[Check, ...] = (Answers(), Empty(), Undecided(), Waived())
LABORATORY = Laboratory(laboratory_name="测试甲实验室", item="读卡器样机 <1>", authorised_by="测试乙")


def _verdicts(letters: str) -> dict[str, Verdict]:
    meaning = {"p": Verdict.PASS, "f": Verdict.FAIL, "i": Verdict.INCONCLUSIVE}
    return {check.id: meaning[letter] for check, letter in zip(CHECKS, letters, strict=True)}


MATRIX = KillMatrix(
    (
        MutantRow("reader.lies", Label("谎报卡位置", "lies about the card"), _verdicts("pfip")),
        MutantRow("reader.never_acks", Label("从不确认", "never acknowledges"), _verdicts("fffi")),
        MutantRow("null.card_reader.silent", Label("哑设备", "silent"), _verdicts("ffif"), null=True),
    ),
    (EquivalentMutant("reader.slow_lamp", Label("慢灯看不出来", "a slow lamp shows nowhere")),),
    "suite 5555",
)


class SampleMutants:
    """A bench on which the sample's three faulty devices can be tried again."""

    def empty_matrix(self) -> KillMatrix:
        return replace(MATRIX, rows=tuple(replace(row, verdicts={}) for row in MATRIX.rows))

    def check_ids(self) -> frozenset[str]:
        return frozenset(each.id for each in CHECKS)

    def verdicts(self, row: MutantRow, checks: Sequence[str]) -> dict[str, Verdict]:
        true = next(each for each in MATRIX.rows if each.mutant == row.mutant)
        return {each: true.verdicts[each] for each in checks}


@dataclass(frozen=True)
class Sample:
    """A written dossier and what it was made of."""

    folder: Path
    result: RunResult
    history_path: Path
    catalogue: Catalogue
    key: SigningKey
    checks: tuple[Check, ...] = CHECKS
    mutants: SampleMutants = field(default_factory=SampleMutants)


def make_history(path: Path, lock: str) -> History:
    """Each fake check asks for the status once; the reader always claims a card inside."""
    dialect = card_reader_dialect("crt591")
    wrap = dialect.framing().wrap
    request = Request(Op.STATUS)
    ticks = iter(range(100_000))
    with path.open("w", encoding="utf-8", newline="\n") as sink:
        history = History(lambda: next(ticks) * 0.001, sink)
        history.append("bench", "-", "run", phase="begin", lock=lock)
        for check in CHECKS:
            history.append(SLOT, "-", "check", id=check.id, phase="begin", facts=FACTS)
            history.append(SLOT, "-", "step", name="ask", phase="begin")
            history.append(SLOT, "tx", "frame", wrap(dialect.encode_request(request)))
            history.append(SLOT, "rx", "control", b"\x06")
            reply = Reply(media=Media.IC, stacker=0, bin_full=False)
            history.append(SLOT, "rx", "frame", wrap(dialect.encode_reply(request, reply)))
            history.append(SLOT, "tx", "control", b"\x06")
            history.append(SLOT, "-", "step", name="ask", phase="end")
            history.append(SLOT, "-", "check", id=check.id, phase="end")
        history.append(SLOT, "-", "preflight", name="reader", ok=True, text="reader: CRT-591-M001 V1.2")
        history.append("bench", "-", "run", phase="end", status="complete")
    return history


def make_lock() -> dict[str, Any]:
    lock: dict[str, Any] = {
        "plan": "sample",
        "title": {"zh": "读卡器样例", "en": "sample reader"},
        "bench": BENCH,
        "slot_order": [SLOT, "card"],
        "profile": "dongguan-wall-2020",
        "checks": [*(f"{each.id}[{SLOT}]" for each in CHECKS), "fake.answers[card]"],
        "not_run": [
            {"check": each.key, "verdict": each.verdict.value, "reason": each.reason.en, "reason_zh": each.reason.zh}
            for each in NOT_RUN
        ],
        "pics": {SLOT: PICS},
        "parameters": {SLOT: PARAMETERS},
        "pixit": {},
        "waivers": [
            {
                "check": "fake.waived",
                "target": "",
                "owner": "测试丙",
                "expires": "2099-12-31",
                "reason": {"zh": "供应商下一版修正", "en": "fixed next release"},
            }
        ],
        "laboratory": to_plain(LABORATORY),
        "suite_hash": "5" * 64,
        "tool_version": "0.1.0",
    }
    lock["sha256"] = hashlib.sha256(canonical(lock).encode()).hexdigest()
    return lock


def make_result(history: History, lock: dict[str, Any]) -> RunResult:
    outcomes = tuple(judge(check, history.records, SLOT) for check in CHECKS)
    cause = Label("预检未通过：没有卡", "preflight: no card")
    unreached = Outcome("fake.answers", "card", Verdict.ERROR, (), Blame.CONFIGURATION, cause)
    return RunResult(
        run_id="sample-run-0001",
        status=RunStatus.COMPLETE,
        plan_lock=lock,
        suite_hash="5" * 64,
        tool_version="0.1.0",
        clock_class="real",
        bench_class="real_device",
        started="2026-01-02T03:04:05+00:00",
        ended="2026-01-02T03:05:06+00:00",
        profile="dongguan-wall-2020",
        bench=BenchInventory(
            "样例台架",
            "device.card_reader",
            (
                BenchSlot(SLOT, "card_reader", "crt591", "serial:///dev/ttyUSB1", True, False, "CRT-591-M001 V1.2"),
                BenchSlot("card", "card", "", "pcsc://some reader", False, False),
            ),
            "simulator",
            7,
        ),
        preflight=(
            PreflightResult("reader", True, Label("读卡器应答", "reader: CRT-591-M001 V1.2")),
            PreflightResult("card", False, Label("没有卡", "no card"), Label("放入卡", "insert a card")),
        ),
        pics=lock["pics"],
        pixit={"parameters": {SLOT: PARAMETERS}, "pixit": {}},
        outcomes=(*outcomes, unreached),
        not_run=NOT_RUN,
        waivers=(WaiverUse("fake.waived", "测试丙", "2099-12-31", "供应商下一版修正 / fixed next release", used=True),),
        kill_matrix=MATRIX,
        laboratory=LABORATORY,
        scope=Label("读卡器样例", "sample reader"),
    )


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("key") / "signing-key.pem")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    wanted = {clause for check in CHECKS for clause in check.clauses} | {"DG-GEN-01", "BJ-INS-02"}
    return take_catalogue(CHECKS, [each for each in clause_catalogue().values() if each.id in wanted])


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory, key: SigningKey, catalogue: Catalogue) -> Sample:
    """The dossier of the session: tests read it and never change it."""
    root = tmp_path_factory.mktemp("dossier")
    lock = make_lock()
    path = root / "history.jsonl"
    history = make_history(path, lock["sha256"])
    result = make_result(history, lock)
    write_dossier(root / "sample", result, path, key=key, catalogue=catalogue)
    return Sample(root / "sample", result, path, catalogue, key)


@pytest.fixture
def rewrite(master: Sample, tmp_path: Path) -> Callable[..., Path]:
    """Write the dossier again with fields of the result changed, properly signed: what a dishonest signer can do."""

    def write(history_path: Path | None = None, **changes: Any) -> Path:
        folder = tmp_path / "forged"
        result = replace(master.result, **changes)
        write_dossier(folder, result, history_path or master.history_path, key=master.key, catalogue=master.catalogue)
        return folder

    return write
