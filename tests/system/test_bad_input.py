"""What people get wrong: one clear message with place and remedy, a non-zero exit, and nothing half-written."""

from __future__ import annotations

import shutil
import socket
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from onecard_process import BENCHES, PLANS
from typer.testing import CliRunner, Result

from tui.cli import build_app

BASE = (
    (PLANS / "in-process.yaml")
    .read_text(encoding="utf-8")
    .replace("../benches/in-process.yaml", str(BENCHES / "in-process.yaml"))
)
READER_PICS = "  reader:\n" + BASE[BASE.index("&reader") + len("&reader\n") : BASE.index("  reader-310")]
CARD_PICS = (
    '  card: {card.generation: "3.0", card.algorithm: sm4, card.contactless: false,'
    " card.offline_account: true, card.pin: true, card.test_keys: true}\n"
)
SELECT = "select: [reader.line.ack-first, reader.move.eject, card.atr.form]\n"


class Desk:
    """A folder with a plan and a bench in it, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, text: str) -> str:
        (self.folder / "p.yaml").write_text(text, encoding="utf-8")
        return "p.yaml"

    def reader(self, slot: str) -> str:
        return self._bench("device.card_reader", "reader: {class: card_reader, " + slot + "}", READER_PICS)

    def card(self, slot: str) -> str:
        return self._bench("device.card", "card: {class: card, " + slot + "}", CARD_PICS)

    def _bench(self, role: str, slot: str, pics: str) -> str:
        text = f"bench: b\nunder_test: {role}\nslots:\n{textwrap.indent(slot, '  ')}\n"
        (self.folder / "b.yaml").write_text(text, encoding="utf-8")
        return self.plan(f"plan: p\nbench: b.yaml\nprofile: dongguan-cabinet-xc\n{SELECT}pics:\n{pics}")

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(build_app(), [*words, "--lang", "en"], prog_name="onecard")

    def run(self, plan: str) -> Result:
        return self("run", plan, "--out", "d", "--no-matrix")

    def refused(self, plan: str, *told: str) -> None:
        """Nothing was begun: exit code 2, a message with *told*, no folder."""
        self.clear(self.run(plan), "error: ", *told)
        assert not (self.folder / "d").exists()

    def clear(self, result: Result, *told: str, code: int = 2) -> None:
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        assert "internal error" not in result.output
        for each in told:
            assert each in result.output
        assert list(self.folder.glob(".*")) == []


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "400")
    return Desk(folder)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed: 7", "seed: [1, 2", ("p.yaml:", "not YAML")),
        ("seed: 7", "sed: 7", ("p.yaml:29", "did you mean 'seed'")),
        ("seed: 7", "seed: 7\nseed: 8", ("p.yaml:30", "duplicate key 'seed'")),
        ("reader.contact: true", "reader.contact:", ("p.yaml:9", "unset: reader.contact", "Declare")),
        ("    reader.contact: true\n", "", ("p.yaml:", "unset: reader.contact", "Declare")),
        ("reader.contact: true", "reader.contact: 3", ("p.yaml:9", "write true or false")),
        ("bin_capacity: 50", "bin_capacity: plenty", ("p.yaml:17", "whole number")),
        ("reader.contact: true", "reader.contakt: true", ("p.yaml:9", "unknown item 'reader.contakt'", "onecard pics")),
        ("dongguan-cabinet-xc", "nowhere", ("'nowhere'", "use one of")),
        ("in-process.yaml", "nope.yaml", ("nope.yaml:1", "no such file")),
        (
            "seed: 7",
            "waivers: [{check: no.such, owner: a, expires: 2099-01-01, reason: r}]",
            ("p.yaml:29", "unknown check 'no.such'"),
        ),
        ("seed: 7", "select: [nothing.*]", ("p.yaml:29", "nothing is selected")),
    ],
)
def test_a_plan_that_cannot_be_run(desk: Desk, old: str, new: str, told: tuple[str, ...]) -> None:
    assert old in BASE
    desk.refused(desk.plan(BASE.replace(old, new)), *told)


@pytest.mark.parametrize("raw", [b"", b"[1]", b"\xff\xfe\x00", b"- " * 20], ids=["empty", "list", "binary", "deep"])
def test_a_file_that_is_no_plan(desk: Desk, raw: bytes) -> None:
    (desk.folder / "p.yaml").write_bytes(raw)
    desk.refused("p.yaml", "p.yaml:1")


@pytest.mark.parametrize("raw", ["{", "[]", "{}"])
def test_a_file_that_is_no_lock(desk: Desk, raw: str) -> None:
    (desk.folder / "p.lock.json").write_text(raw, encoding="utf-8")
    desk.refused("p.lock.json", "p.lock.json", "lock")


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        ('dialect: crt999, link: "sim://"', ("b.yaml:4", "'crt999' is unknown", "crt310")),
        ('dialect: crt591, link: "sim://", fault: no.such', ("b.yaml:4", "'no.such'", "onecard mutants --list")),
        ('dialect: crt591, link: "sim://", readings: {nope: 1}', ("unknown nope", "known:")),
        ('dialect: crt591, link: "sim://", options: {sam_sockets: many}', ("sam_sockets", "is not a int")),
        ('dialect: crt591, link: "seriel:///dev/ttyUSB0"', ("b.yaml:4", "unknown scheme 'seriel'", "serial")),
        ('dialect: crt591, link: "pty://", hand: {program: []}', ("b.yaml:4", "by: program needs")),
    ],
)
def test_a_reader_that_cannot_be_built(desk: Desk, slot: str, told: tuple[str, ...]) -> None:
    desk.refused(desk.reader(slot), *told)


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        ('image: "9.9", link: "sim://"', ("b.yaml:4", "card image '9.9'", "known: 1.0, 2.0, 3.0")),
        ('image: "3.0", link: "sim://", options: {length: 3}', ("card image '3.0'", "length")),
        ('image: "3.0", link: "sim://", options: {area: "44"}', ("card image '3.0'",)),
    ],
)
def test_a_card_image_that_cannot_be_built(desk: Desk, slot: str, told: tuple[str, ...]) -> None:
    desk.refused(desk.card(slot), *told)


def undecided(desk: Desk, plan: str, *told: str) -> None:
    """Begun, and found impossible by preflight: every check is an error of configuration, in a sealed dossier."""
    desk.clear(desk.run(plan), "overall: undecided", "configuration", *told)
    desk.clear(desk("dossier", "verify", "d"), "dossier valid", code=0)


def test_a_serial_port_that_is_not_there(desk: Desk) -> None:
    undecided(desk, desk.reader('dialect: crt591, link: "serial:///dev/ttyNONE"'), "/dev/ttyNONE is missing")


def test_nobody_listens(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.runtime.OPEN_LIMIT_S", 0.0)
    monkeypatch.setattr("protocols.link.tcp.DEFAULT_WAIT_S", 0.2)
    undecided(desk, desk.reader('dialect: crt591, link: "tcp://127.0.0.1:9"'), "127.0.0.1:9")


def test_pcscd_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.pcscd_launcher.PCSCD", Path("/no/pcscd"))
    undecided(desk, desk.card('image: "3.0", link: "vpcd://"'), "missing: pcscd")


@pytest.mark.pcsc
def test_a_port_in_use(desk: Desk) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        result = desk.run(desk.card(f'image: "3.0", link: "vpcd://127.0.0.1:{port}"'))
    desk.clear(result, f"port {port} is in use", "name another one")
    honest_rest(desk)


def honest_rest(desk: Desk) -> None:
    """The bench did not come up: the early record is all there is, and it says so."""
    desk.clear(desk("dossier", "verify", "d"), "NOT valid", "the run did not finish")


@pytest.mark.parametrize(
    ("expires", "told"), [("2020-01-01", "has expired"), ("2099-01-01", "has no fail to waive")], ids=["old", "idle"]
)
def test_a_stale_waiver_fails_the_run(desk: Desk, expires: str, told: str) -> None:
    waiver = f"select: [card.atr.form]\nwaivers: [{{check: card.atr.form, owner: a, expires: {expires}, reason: r}}]\n"
    desk.clear(desk.run(desk.plan(BASE + waiver)), "overall: fail", "card.atr.form", told, "remove or renew", code=1)


def test_a_truncated_dossier_and_a_taken_folder(desk: Desk) -> None:
    plan = desk.plan(BASE + "select: [card.atr.form]\n")
    desk.clear(desk.run(plan), "(pass", code=0)
    desk.clear(desk.run(plan), "is not overwritten", "choose another folder")
    history = desk.folder / "d" / "history.jsonl"
    history.write_bytes(history.read_bytes()[:-100])
    desk.clear(desk("dossier", "verify", "d"), "NOT valid", "history.jsonl")
    shutil.rmtree(desk.folder / "d" / "allure-results", ignore_errors=True)
    (desk.folder / "d" / "manifest.json").write_text("{", encoding="utf-8")
    desk.clear(desk("dossier", "verify", "d"), "NOT valid", "manifest.json")


# The program that plays the hand.

FLOODS = "import sys\nwhile True: sys.stdout.write('x' * 65536)"


@pytest.fixture
def silent_device() -> Iterator[int]:
    """A port where somebody takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as door:
        yield door.getsockname()[1]


def with_hand(desk: Desk, port: int, command: list[Any]) -> str:
    shown = ", ".join(f'"{each}"' for each in command)
    return desk.reader(f'dialect: crt591, link: "tcp://127.0.0.1:{port}", hand: {{program: [{shown}]}}')


def test_a_hand_program_that_does_not_exist(desk: Desk, silent_device: int) -> None:
    result = desk.run(with_hand(desk, silent_device, ["no-such-program"]))
    desk.clear(result, "hand program 'no-such-program' cannot be started")
    honest_rest(desk)


@pytest.mark.parametrize(
    "code", ["pass", FLOODS, "import time\ntime.sleep(1000)"], ids=["ends at once", "floods", "hangs"]
)
def test_a_silent_device_with_a_bad_hand_ends_without_a_pass(desk: Desk, silent_device: int, code: str) -> None:
    (desk.folder / "hand.py").write_text(code, encoding="utf-8")
    undecided(desk, with_hand(desk, silent_device, [sys.executable, "hand.py"]), "check power, cable, baud rate")
