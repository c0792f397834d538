"""Checks of the answer to reset of a social security card (spec/cards.md 1.1)."""

from __future__ import annotations

from functools import reduce
from operator import xor

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import SELECT_SSSE, Session, historical_bytes, is_contactless, only, started
from protocols.wire.base import Label

ALLOWED_FORMATS = (0x2, 0x3, 0x6, 0x7)
"""High nibble of T0: which of TA1, TB1, TC1 are there; never TD1, because the card speaks T=0 only."""
TB1 = 0x2


class AtrForm(Check):
    """DG-WXC-19, DG-WXC-15: readers reject, or talk the wrong protocol to, a card whose ATR is not of the agreed form.

    Contact: direct convention, T=0 only, 13 historical bytes, no TCK, TB1 = 00 where present.
    Contactless: 3B8D8001, 13 historical bytes, a right TCK.
    """

    id = "card.atr.form"
    title = Label("复位应答的格式", "form of the answer to reset")
    clauses = ("DG-WXC-19", "DG-WXC-15")
    device_class = "card"
    control = "start"
    kills = ("card.atr-historical-count", "card.atr-with-tck")
    source = "spec/cards.md 1.1"

    async def stimulus(self, t: CardTester) -> None:
        await Session.open(t)

    def oracle(self, v: CardView) -> None:
        start = started(v)
        if is_contactless(start.atr):
            self._contactless(v, start.atr, start.seqs)
        else:
            self._contact(v, start.atr, start.seqs)

    @staticmethod
    def _contactless(v: CardView, atr: bytes, seqs: tuple[int, int]) -> None:
        shown = seqs[0] + 1
        v.must(len(atr) == 18, "非接触 ATR 应为 18 字节", "a contactless ATR must have 18 bytes", shown)
        v.must(reduce(xor, atr[1:], 0) == 0, "TCK 应使 T0 至 TCK 异或为零", "TCK must make T0..TCK XOR to zero", shown)

    @staticmethod
    def _contact(v: CardView, atr: bytes, seqs: tuple[int, int]) -> None:
        shown = seqs[0] + 1
        v.must(atr[:1] == b"\x3b", "TS 应为 3B（正向约定）", "TS must be 3B: direct convention", shown)
        head = atr[1] if len(atr) > 1 else 0
        v.must(head & 0x0F == 13, "历史字节应为 13 个", "there must be 13 historical bytes", shown)
        v.must(
            head >> 4 in ALLOWED_FORMATS,
            f"T0 高半字节应为 2/3/6/7（仅 T=0，无 TD1），实际 {head >> 4:X}",
            f"high nibble of T0 must be 2, 3, 6 or 7 (T=0 only, no TD1), got {head >> 4:X}",
            shown,
        )
        width = (head >> 4).bit_count()
        v.must(
            len(atr) == 2 + width + (head & 0x0F),
            "T=0 的 ATR 应止于历史字节，不带 TCK",
            "an ATR of T=0 must end with the historical bytes, without TCK",
            shown,
        )
        if head >> 4 & TB1:
            at = 2 + (head >> 4 & 1)
            v.must(
                atr[at : at + 1] == b"\0", "TB1 应为 00（不用 VPP）", "TB1 must be 00: no programming voltage", shown
            )


class AtrHistorical(Check):
    """DG-W20-11, DG-GEN-03: hosts derive keys from the historical bytes; with a wrong area no PSAM can authenticate it.

    T1 is 00 and T8 T9 are the first four digits of the issuing area, as the card's own EF05 gives it.
    """

    id = "card.atr.historical"
    title = Label("历史字节的内容", "content of the historical bytes")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    control = "organisation"
    kills = ("card.atr-area", "card.atr-historical-count")
    source = "spec/cards.md 1.1"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("identification"):
            await session.read(0xEF05, 0x01, 0x10)
        with t.step("organisation"):
            await session.record(0x04, 0x0C)

    def oracle(self, v: CardView) -> None:
        start = started(v)
        history = historical_bytes(start.atr)
        shown = start.seqs[0] + 1
        if not v.must(len(history) == 13, "历史字节应为 13 个", "there must be 13 historical bytes", shown):
            return
        v.must(history[0] == 0, "T1 应为 00", "T1 must be 00", shown)
        v.must(history[7:9].hex().isdecimal(), "T8 T9 应为地区代码数字", "T8 T9 must be digits of the area code", shown)
        identification, organisation = only(v, "identification"), only(v, "organisation")
        areas = {identification.data[2:4], organisation.data[7:9]}
        v.must(
            history[7:9] in areas,
            "T8 T9 应为发卡地区代码的前四位（与 EF05 一致）",
            "T8 T9 must be the first four digits of the issuing area, as in EF05",
            shown,
            identification,
            organisation,
        )


class AtrSameAfterReset(Check):
    """DG-WXC-19: a reader that resets a card again must meet the same card: the ATR is a constant of the chip."""

    id = "card.atr.same_after_reset"
    title = Label("冷复位与热复位的应答一致", "the same answer to cold and warm reset")
    clauses = ("DG-WXC-19",)
    device_class = "card"
    control = "start"
    kills = ("card.atr-warm", "card.warm-reset-dead")
    source = "spec/cards.md 1.1"

    async def stimulus(self, t: CardTester) -> None:
        await Session.open(t)
        for name, warm in (("warm", True), ("cold", False)):
            with t.step(name):
                await t.power_on(warm)
                await t.ask(SELECT_SSSE)

    def oracle(self, v: CardView) -> None:
        first = started(v)
        for name, zh in (("warm", "热复位"), ("cold", "再次冷复位")):
            step, selected = v.step(name), only(v, name)
            v.must(
                step.atr.raw == first.atr,
                f"{zh}的 ATR 应与首次相同",
                f"the ATR after {name} reset must be the first one",
                step.atr,
                first,
            )
            v.must(
                selected.data == first.fci,
                f"{zh}后仍应能选择 SSSE，FCI 不变",
                f"after {name} reset SSSE must select with the same FCI",
                selected,
            )
