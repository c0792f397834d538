"""OpenSC and pcsc-tools, which know nothing of this project, read the simulated cards through the real pcscd.

Expected bytes are typed from spec/cards.md 1.1 (answer to reset), 1.2 (selection) and 1.4 (records of EF05).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from protocols.clock import RealClock
from protocols.link.pcsc import wait_card
from protocols.link.vpcd import VpcdCard
from scenarios.pcscd import PrivatePcscd
from simulators.card.social_security import build_card

pytestmark = pytest.mark.pcsc

GENERATIONS = ("1.0", "2.0", "3.0")
LIMIT_S = 20.0

SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SELECT_EF05 = "00A4020002EF05"

# 1.1: 3B, T0 6D, TB1 00, TC1 00..FF, then T1-T2 `00` + chip vendor, T3-T7 chip and maker, T8-T9 the issuing area 4419.
ATR = re.compile(r"3B6D00[0-9A-F]{2}00[0-9A-F]{12}4419[0-9A-F]{8}")

# 1.4, "Example records". The version (tag 03) is the one record that tells the generations apart.
RECORDS = {
    "01": "0110441900D15600000500000001FFFFFFFF",
    "02": "020133",
    "04": "040C915600000244190044190001",
    "05": "050420200101",
    "06": "060420300101",
    "07": "0709413030303030303031",
}
VERSIONS = {"1.0": "0304312E30", "2.0": "0304322E3030", "3.0": "0304332E3030"}
"""1.0 writes `1.0x`, whose last character is the issuer's: only its first three are fixed."""


@dataclass(frozen=True)
class Seat:
    """Where a card of each generation stands, and the environment in which foreign programs see it."""

    readers: dict[str, str]
    environment: dict[str, str]

    def call(self, *command: str, limit_s: float = LIMIT_S) -> str:
        assert shutil.which(command[0]), f"{command[0]} is missing: apt install opensc pcsc-tools"
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            errors="replace",
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def send(self, generation: str, *apdus: str) -> list[tuple[str, str]]:
        """``(status word, data)`` of each command, sent in one session as ``opensc-tool -s``."""
        words = [part for each in apdus for part in ("-s", each)]
        said = self.call("opensc-tool", "--reader", self.readers[generation], *words)
        blocks = said.split("Sending:")[1:]
        assert len(blocks) == len(apdus), said
        return [_answer(each) for each in blocks]


def _answer(block: str) -> tuple[str, str]:
    """Status word and data of one exchange; the dump has 16 bytes a line and then their characters."""
    head, _, dump = block.partition("Received ")
    assert head.strip()
    status = re.match(r"\(SW1=0x([0-9A-F]{2}), SW2=0x([0-9A-F]{2})\)", dump)
    assert status, block
    rows = [re.match(r"(?:[0-9A-F]{2} )+", line) for line in dump.splitlines()[1:]]
    data = "".join(row.group(0).replace(" ", "") for row in rows if row)
    return status.group(1) + status.group(2), data


@pytest.fixture(scope="module")
def seat() -> Iterator[Seat]:
    with PrivatePcscd(len(GENERATIONS), name="Judge") as pcscd:
        cards = [VpcdCard(build_card(generation=each), name=each) for each in GENERATIONS]
        try:
            for card, place in zip(cards, pcscd.slots, strict=True):
                card.start(place.host, place.port)
            asyncio.run(_all_inserted(pcscd))
            yield Seat(dict(zip(GENERATIONS, pcscd.readers, strict=True)), pcscd.environment())
        finally:
            for card in cards:
                card.stop()


async def _all_inserted(pcscd: PrivatePcscd) -> None:
    for place in pcscd.slots:
        await wait_card(place.reader, True, RealClock(), socket=pcscd.socket)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_answer_to_reset(seat: Seat, generation: str) -> None:
    said = seat.call("opensc-tool", "--reader", seat.readers[generation], "--atr")
    assert ATR.fullmatch(said.strip().replace(":", "").upper())


@pytest.mark.parametrize("generation", GENERATIONS)
def test_records_of_ef05(seat: Seat, generation: str) -> None:
    """Selects the application and the file, then reads record by record with the length that the document gives."""
    wanted = {**RECORDS, "03": VERSIONS[generation]}
    lengths = {"01": "12", "02": "03", "03": "06", "04": "0E", "05": "06", "06": "06", "07": "0B"}
    reads = [f"00B2{tag}00{length}" for tag, length in lengths.items()]
    answers = seat.send(generation, SELECT_SSSE, SELECT_EF05, *reads)
    assert [status for status, _ in answers] == ["9000"] * 9
    for (tag, length), (_, data) in zip(lengths.items(), answers[2:], strict=True):
        assert len(data) == 2 * int(length, 16)
        if (generation, tag) == ("1.0", "03"):
            assert data.startswith(wanted[tag])
        else:
            assert data == wanted[tag]


def test_all_of_ef05_at_once(seat: Seat) -> None:
    """1.3: `00B20105FF` gives record 1 to the last one; `00B2072C0B` record 7 of SFI 05."""
    _, _, (status, data), (_, seventh) = seat.send("3.0", SELECT_SSSE, SELECT_EF05, "00B20105FF", "00B2072C0B")
    assert status == "9000"
    whole = [RECORDS["01"], RECORDS["02"], VERSIONS["3.0"], *(RECORDS[tag] for tag in ("04", "05", "06", "07"))]
    assert data == "".join(whole)
    assert seventh == RECORDS["07"]


def test_the_holder_is_free_before_3_0_only(seat: Seat) -> None:
    """1.4: EF06 reads freely on 1.0 and 2.0; 3.0 wants EXTERNAL AUTHENTICATE first and says `6982`."""
    name = "091EB2E2CAD4BCD7" + "00" * 24
    for generation in ("1.0", "2.0"):
        *_, read = seat.send(generation, SELECT_SSSE, "00A4020002EF06", "00B2090020")
        assert read == ("9000", name)
    *_, refused = seat.send("3.0", SELECT_SSSE, "00A4020002EF06", "00B2090020")
    assert refused == ("6982", "")


def test_an_unknown_application_is_not_found(seat: Seat) -> None:
    assert seat.send("3.0", "00A4040006D15600000599") == [("6A82", "")]


def test_pcsc_scan_sees_every_reader_and_card(seat: Seat) -> None:
    listed = seat.call("pcsc_scan", "-r")
    scanned = seat.call("pcsc_scan", "-c")
    for reader in seat.readers.values():
        assert reader in listed
        _, _, about = scanned.partition(reader)
        card, _, _ = about.partition(" Reader ")
        assert "Card inserted" in card
        (atr,) = re.findall(r"ATR: ([0-9A-F ]+)", card)
        assert ATR.fullmatch(atr.replace(" ", ""))
