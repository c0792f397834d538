"""Devices that share no line with this project: a correct reader is never failed, a faulty one is, a plain card passes nothing.

The programs were written from the documents alone; only a bench file connects them. ``crt591_reader.py`` exists in two
sets of readings of what the documents leave open, and neither may be failed.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from conformance import service
from conformance.model import Verdict

HERE = Path(__file__).resolve().parent
SCENARIOS = HERE.parent.parent / "scenarios"
READER, CARD = HERE / "crt591_reader.py", HERE / "plain_card.py"

NEEDS_NO_CARD = [
    "reader.self.configuration",
    "reader.self.serial",
    "reader.self.version",
    "reader.line.ack-*",
    "reader.line.bad-bcc-nak",
    "reader.line.check-byte",
    "reader.line.echo",
    "reader.line.one-answer",
    "reader.line.resend-on-nak",
    "reader.command.unknown",
    "reader.init.required",
    "reader.init.version-text",
    "reader.state.uninitialised",
    "reader.sam.beyond-fitted",
    "reader.sam.distinct",
    "reader.sam.two",
    "reader.sync.split",
    "reader.sync.truncated",
    "reader.sync.absurd-length",
    "reader.sync.noise-before",
]
WITH_A_CARD = [
    "reader.chip.atr-cold",
    "reader.chip.wrong-le",
    "reader.chip.short-circuit",
    "reader.entry.enabled-takes",
    "reader.fault.jam",
    "reader.move.eject",
    "reader.move.gate",
    "reader.move.powered",
    "reader.power.hold",
    "reader.ssc.read-3.0",
]


@dataclass(frozen=True)
class Run:
    """What a run ended with."""

    verdicts: dict[str, Verdict]
    causes: dict[str, str]
    certified: service.Certified

    def of(self, verdict: Verdict) -> dict[str, str]:
        return {each: self.causes[each] for each, seen in self.verdicts.items() if seen is verdict}


def certify(folder: Path, kind: str, slot: dict[str, object], select: list[str], declared: dict[str, object]) -> Run:
    """Run the plan of *kind* on one slot that is written to *folder*, and give the verdicts."""
    bench = yaml.safe_load((SCENARIOS / "benches" / f"{kind}.yaml").read_text(encoding="utf-8"))
    plan = yaml.safe_load((SCENARIOS / "plans" / f"{kind}.yaml").read_text(encoding="utf-8"))
    (name,) = bench["slots"]
    bench["slots"][name] |= slot
    for item, value in declared.items():
        plan["pics" if item in plan["pics"][name] else "pixit"][name][item] = value
    plan |= {"bench": "bench.yaml", "select": select}
    (folder / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    done = service.certify(service.load(folder / "plan.yaml"), folder / "dossier", with_matrix=False)
    outcomes = done.result.outcomes
    return Run(
        {each.check_id: each.verdict for each in outcomes},
        {each.check_id: each.cause.en if each.cause else "" for each in outcomes},
        done,
    )


def run_reader(folder: Path, select: list[str], *arguments: str, tty: bool = False, **declared: object) -> Run:
    """Start the foreign reader with *arguments*, on a TCP port or on a tty of its own, and certify it."""
    if tty:
        where = ["--link", str(folder / "tty")]
        link = f"serial://{folder}/tty?baud=9600"
    else:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        where, link = ["--port", str(port)], f"tcp://127.0.0.1:{port}"
    program = [sys.executable, str(READER), *where, "--speed", "fast", *arguments]
    slot: dict[str, object] = {"link": link, "hand": {"program": program, "patience_s": 1.0}}
    given: dict[str, object] = {f"reader.{name}": value for name, value in declared.items()}
    return certify(folder, "foreign-reader", slot, select, given)


def left_over(folder: Path) -> str:
    """Processes that the run in *folder* started and did not end."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return "\n".join(each for each in listed.splitlines() if str(folder) in each and "pytest" not in each)


@pytest.mark.parametrize("name", ["foreign-reader", "foreign-card"])
def test_the_bench_files_of_the_project_start_the_foreign_programs(name: str) -> None:
    """One bench file is all that a foreign device needs; its plan resolves and names programs that exist."""
    resolved = service.load(SCENARIOS / "plans" / f"{name}.yaml")
    assert resolved.selected
    bench = yaml.safe_load((SCENARIOS / "benches" / f"{name}.yaml").read_text(encoding="utf-8"))
    (slot,) = bench["slots"].values()
    program = slot["program"] if "program" in slot else slot["hand"]["program"]
    assert (SCENARIOS / "benches" / program[1]).resolve() in (READER, CARD)


def test_a_correct_reader_is_not_failed(tmp_path: Path) -> None:
    """Default readings, over TCP; the line is dropped when the power goes."""
    run = run_reader(tmp_path, NEEDS_NO_CARD + WITH_A_CARD)
    assert not run.of(Verdict.FAIL)
    assert not run.of(Verdict.ERROR)
    assert not run.of(Verdict.INCONCLUSIVE)
    assert len(run.of(Verdict.PASS)) >= 30
    assert run.certified.verification.ok


def test_a_correct_reader_with_the_other_readings_is_not_failed(tmp_path: Path) -> None:
    """The other reading of each open question, on a tty that the reader's own program makes; silent without power."""
    select = [*NEEDS_NO_CARD, "reader.chip.wrong-le"]
    run = run_reader(
        tmp_path, select, "--reading", "other", "--off", "silent", tty=True, powerdown_rule="ejected", resends=2
    )
    assert not run.of(Verdict.FAIL)
    assert not run.of(Verdict.ERROR)
    assert len(run.of(Verdict.PASS)) >= 20


FAULTS = {
    "lies-after-eject": "reader.move.eject",
    "no-init-needed": "reader.init.required",
    "forgets-card-on-power-loss": "reader.power.hold",
    "ignores-entry-off": "reader.entry.disabled-refuses",
    "short-circuit-unreported": "reader.chip.short-circuit",
    "atr-truncated": "reader.chip.atr-cold",
    "jam-unreported": "reader.fault.jam",
    "nak-deaf": "reader.line.resend-on-nak",
    "sticky-parser": "reader.sync.absurd-length",
}


@pytest.mark.parametrize(("fault", "check"), FAULTS.items())
def test_a_faulty_reader_is_failed_where_its_fault_is(tmp_path: Path, fault: str, check: str) -> None:
    """A fault that nobody catalogued here is found all the same, by the check whose rule it breaks."""
    run = run_reader(tmp_path, [check, "reader.self.version"], "--fault", fault)
    assert check in run.of(Verdict.FAIL), run.verdicts


def test_no_process_is_left_of_a_foreign_reader(tmp_path: Path) -> None:
    """The hand's program, which is the device itself here, ends with the bench."""
    run_reader(tmp_path, ["reader.self.version"], tty=True)
    assert not left_over(tmp_path)


@pytest.mark.pcsc
@pytest.mark.parametrize("options", [[], ["--one-byte"], ["--always-9000"], ["--close-after", "3"]])
def test_a_plain_card_passes_nothing(tmp_path: Path, options: list[str]) -> None:
    """A card that is no social security card ends with verdicts, passes no check, and leaves no process."""
    program = tmp_path / "plain_card.py"
    program.write_text(CARD.read_text(encoding="utf-8"), encoding="utf-8")
    slot: dict[str, object] = {"program": [sys.executable, str(program), "{host}", "{port}", *options]}
    run = certify(tmp_path, "foreign-card", slot, ["all"], {})
    assert run.verdicts
    assert not run.of(Verdict.PASS)
    assert not run.of(Verdict.ERROR)
    assert not left_over(tmp_path)


@pytest.mark.pcsc
def test_a_card_that_hangs_does_not_hang_the_run(tmp_path: Path) -> None:
    """An empty answer blocks the PC/SC transmission for ever (spec/cards.md 4): the run goes on without it."""
    slot: dict[str, object] = {"program": [sys.executable, str(CARD), "{host}", "{port}", "--hang"]}
    run = certify(tmp_path, "foreign-card", slot, ["card.select.ssse", "card.record.missing_file"], {})
    assert not run.of(Verdict.PASS)
    assert set(run.verdicts) == {"card.select.ssse", "card.record.missing_file"}
