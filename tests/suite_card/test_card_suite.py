"""The suite itself: what passes on the reference, what it kills, and what it never passes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from card_checks import GENERATIONS, card_checks, check_of, exists_for, run_with

from conformance.execute import judge
from conformance.inprocess import run_card_check
from conformance.model import Check, Verdict
from protocols.wire.base import Privacy
from protocols.wire.privacy import Masker
from simulators.fault.base import mutants
from simulators.fault.null_devices import NULL_CARDS

ROOT = Path(__file__).resolve().parents[2]
CASES = [(check, generation) for check in card_checks() for generation in GENERATIONS if exists_for(check, generation)]
KILLS = [(check, mutant) for check in card_checks() for mutant in check.kills]


def name(value: object) -> str:
    return value.id if isinstance(value, Check) else str(value)


@pytest.mark.parametrize(("check", "generation"), CASES, ids=name)
def test_reference_passes(check: Check, generation: str):
    outcome, history = run_card_check(check, generation)
    assert outcome.verdict is Verdict.PASS, [str(each.message) for each in outcome.findings if each.kind != "observed"]
    assert judge(check, list(history), "card") == outcome


@pytest.mark.parametrize("check", card_checks(), ids=name)
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_both_algorithms_pass(check: Check, algorithm: str):
    if exists_for(check, "3.0"):
        assert run_card_check(check, "3.0", algorithm=algorithm)[0].verdict is Verdict.PASS


@pytest.mark.parametrize(("check", "mutant"), KILLS, ids=name)
def test_kills(check: Check, mutant: str):
    faulty = next(each for each in mutants("card") if each.id == mutant)
    variants = [each for each in GENERATIONS if exists_for(check, each) and each in (faulty.variants or GENERATIONS)]
    assert any(run_card_check(check, each, faulty.make)[0].verdict is Verdict.FAIL for each in variants)


def test_every_mutant_dies():
    killed = {mutant for check in card_checks() for mutant in check.kills}
    alive = [each.id for each in mutants("card") if not each.equivalent and each.id not in killed]
    assert alive == []


@pytest.mark.parametrize("check", card_checks(), ids=name)
def test_kills_something_and_says_so(check: Check):
    assert check.kills
    assert set(check.kills) <= {each.id for each in mutants("card")}


@pytest.mark.parametrize("null", sorted(NULL_CARDS))
@pytest.mark.parametrize("seed", [1, 2])
def test_null_cards_never_pass(null: str, seed: int):
    for check in card_checks():
        generation = (check.variants or ("3.0",))[-1]
        outcome, history = run_card_check(check, generation, NULL_CARDS[null], seed)
        assert outcome.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE), (check.id, outcome.verdict)
        assert len(history) < 100


class PlainCard:
    """An ISO 7816 card with a master file and one record file, written from the standard alone.

    *manner* is what it says to anything else: a status word, or None to repeat the command.
    """

    ATR = bytes.fromhex("3B6D00000081534D438660441900000001")

    def __init__(self, manner: bytes | None, fci: bytes = b"") -> None:
        self._manner, self._fci, self._waiting = manner, fci, b""

    def power_on(self) -> bytes:
        return self.ATR

    def reset(self) -> bytes:
        return self.ATR

    def power_off(self) -> None:
        self._waiting = b""

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[:4] == bytes.fromhex("00A40000") and apdu[5:] == b"\x3f\x00":
            return b"\x90\x00"
        if apdu[1:2] == b"\xa4" and self._fci:
            self._waiting = self._fci
            return bytes((0x61, len(self._fci)))
        if apdu[1:2] == b"\xc0" and self._waiting:
            given, self._waiting = self._waiting, b""
            return given + b"\x90\x00"
        if apdu[:2] == b"\x00\x84":
            return bytes(range(apdu[4])) + b"\x90\x00"
        return apdu if self._manner is None else self._manner


BANK_FCI = bytes.fromhex("6F108408A000000333010101A504500242 43".replace(" ", ""))


@pytest.mark.parametrize("manner", ["6D00", "9000", "6982", "6A82", "63C2", "61FF", "6C05", "00", None])
@pytest.mark.parametrize("fci", [b"", BANK_FCI])
def test_other_cards_never_pass_and_keep_their_pin(manner: str | None, fci: bytes):
    raw = None if manner is None else bytes.fromhex(manner)
    for check in card_checks():
        generation = (check.variants or ("2.0",))[-1]
        outcome, history = run_card_check(check, generation, lambda **options: PlainCard(raw, fci))
        assert outcome.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE), (check.id, outcome.verdict)
        sent = [each.data for each in history if each.kind == "apdu" and each.direction == "tx"]
        assert 0 < len(sent) < 100
        assert not any(each[1] in (0x20, 0x82, 0x24, 0x5E, 0xDC) for each in sent)


def test_select_fails_a_card_without_environment():
    outcome, _ = run_card_check(check_of("card.select.ssse"), "3.0", lambda **options: PlainCard(b"\x6a\x82"))
    assert outcome.verdict is Verdict.FAIL


@pytest.mark.parametrize("check", card_checks(), ids=name)
def test_says_what_it_is(check: Check):
    text = (check.__doc__ or "").strip()
    assert text.startswith(check.clauses[0]), "a docstring begins with the clause id"
    assert re.search(r"[一-鿿]", check.title.zh)
    assert check.title.en.isascii()
    assert check.source.startswith("spec/cards.md")
    catalogue = "".join(each.read_text("utf-8") for each in (ROOT / "conformance/clauses").glob("*.yaml"))
    assert all(clause in catalogue for clause in check.clauses)


@pytest.mark.parametrize(("check", "generation"), CASES, ids=name)
def test_damage_is_declared(check: Check, generation: str):
    _, history = run_card_check(check, generation)
    asked = [each for each in history if each.kind == "apdu"]
    spent = sum(
        each.data[:1] == b"\x63" and asked[index - 1].data[1:2] in (b"\x20", b"\x5e") and len(asked[index - 1].data) > 5
        for index, each in enumerate(asked)
        if each.direction == "rx"
    )
    assert spent <= check.damage.get("pin_tries", 0)
    assert not any(each.data[:2] in (b"\x84\x16", b"\x84\x1e") for each in asked if each.direction == "tx")


def test_suite_leaves_the_card_as_it_was():
    """Every check in a row on one card, twice: what one leaves behind must not disturb the next."""
    from simulators.card.social_security import build_card

    for generation in GENERATIONS:
        card = build_card(generation=generation, seed=1)
        for _ in range(2):
            for check in card_checks():
                if exists_for(check, generation):
                    outcome, _ = run_card_check(check, generation, lambda card=card, **options: card)
                    assert outcome.verdict is Verdict.PASS, (generation, check.id)


@pytest.mark.parametrize(("check", "generation"), CASES, ids=name)
def test_verdict_survives_masking(check: Check, generation: str):
    """Personal data are masked before anything is stored: no oracle may depend on them."""
    masker = Masker(b"test key", [(Privacy.PIN, b"123456"), (Privacy.ID_NUMBER, b"44190019900101001X")])

    outcome, _ = run_with(check, generation, mask=masker.mask)
    assert outcome.verdict is Verdict.PASS, [str(each.message) for each in outcome.findings if each.kind != "observed"]
