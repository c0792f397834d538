"""What the checks of social security cards share: commands for stimuli, and readings of them for oracles.

Stimuli talk through :class:`Session`; it refuses to go on with a card that does not select SSSE, so a bank card or any
other plain ISO 7816 card never loses a PIN try here. Oracles read :func:`talks` and :func:`started`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.judge_crypto import SM4, TDES, CardKeys, UnknownAlgorithmError
from conformance.model import NoObservation
from conformance.roles.card import CardAnswer, CardTester
from conformance.roles.card_reader import NotHome
from conformance.roles.card_view import ApduExchange, CardStep, CardView
from conformance.suites.card_bytes import SSSE_NAME, children, historical_bytes, is_contactless, names_ssse
from protocols.wire.base import Label

__all__ = [
    "ALGORITHM_IDS",
    "AUTH_DATA",
    "DF04",
    "KEY_PUK",
    "KEY_RK",
    "KEY_UK",
    "SPOILED_MAC",
    "SPOILED_PROOF",
    "SSSE_NAME",
    "PinUnsafe",
    "Session",
    "Start",
    "Talk",
    "children",
    "control",
    "default_pin",
    "generation",
    "historical_bytes",
    "is_contactless",
    "judge_keys",
    "names_ssse",
    "only",
    "packed_pin",
    "parameter",
    "pin_given",
    "spoiled",
    "started",
    "talks",
    "tries_left",
]

SELECT_SSSE = bytes.fromhex("00A404000F") + SSSE_NAME
QUERY_PIN = bytes.fromhex("0020000000")
DF04 = 0xDF04
KEY_UK, KEY_PUK, KEY_RK = 0x04, 0x06, 0x0A
"""P2 of EXTERNAL AUTHENTICATE in SSSE: update, PIN unblocking, reading of the holder's file (cards.md 1.6)."""
AUTH_DATA = bytes.fromhex("1112131415161718")
TEST_ROOT_KEY = "404142434445464748494A4B4C4D4E4F"
ALGORITHM_IDS = {"3des": TDES, "ssf33": 2, "sm4": SM4}
"""What PICS calls them, and what the FCI calls them."""
FEWEST_TRIES = 3
"""A PIN that may be wrong is presented only while at least so many tries are left: the last one is never taken."""
FEWEST_TRIES_PROVED = 2
"""The same for a PIN that this card has accepted in this check: it brings the tries back."""
SPOILED_PROOF, SPOILED_MAC = (0, 3, 7), (0, 1, 3)
"""Which byte of a cryptogram or MAC is changed: a card that compares a part of it takes one of these."""


class PinUnsafe(NotHome):
    """The declared PIN was refused, or too few tries are left to try it: for the laboratory to mend, not the card."""

    cut = "configuration"


def default_pin(facts: Mapping[str, Any]) -> str:
    """The declared PIN. Raises :class:`PinUnsafe` on a real device without one: it is never guessed."""
    declared = facts.get("pixit", {}).get("card.pin")
    if declared is None and facts.get("bench_class") == "real_device":
        raise PinUnsafe(Label("未声明密码：请填写 PIXIT 的 card.pin", "no PIN is declared: set card.pin in the PIXIT"))
    return "123456" if declared is None else str(declared)


def spoiled(code: bytes, at: int | None) -> bytes:
    """*code* with one bit of the byte *at* changed; as it is when *at* is None."""
    return code if at is None else bytes((*code[:at], code[at] ^ 1, *code[at + 1 :]))


def generation(facts: Mapping[str, Any]) -> str:
    """Declared generation of the card: ``1.0``, ``2.0`` or ``3.0``."""
    return str(facts.get("generation", ""))


def parameter(facts: Mapping[str, Any], name: str) -> Any:
    """A declared reading of the profile, None where it is left open."""
    return facts.get("parameters", {}).get(name)


def algorithm_of(facts: Mapping[str, Any], fci: bytes, area: str) -> int:
    """The declared algorithm; else by the rule of cards.md 1.2: tag 86 inside 9F0C; without it areas from 11 use SSF33,
    others 3DES. What is declared comes first because the FCI of a 3.0 card may always say SM4 (open-readings.md).
    """
    declared = ALGORITHM_IDS.get(str(facts.get("pics", {}).get("card.algorithm")))
    if declared is not None:
        return declared
    proprietary = children(children(children(fci).get(0x6F, b"")).get(0xA5, b""))
    stated = children(proprietary.get(0x9F0C, b"")).get(0x86)
    if stated is not None and len(stated) == 1:
        return stated[0]
    return 2 if area.startswith("11") else TDES


def tries_left(sw: int) -> int | None:
    """Tries that ``63Cx`` tells; None for another status word."""
    return sw & 0x0F if sw & 0xFFF0 == 0x63C0 else None


def pin_refused(sw: int) -> bool:
    """Whether *sw* says that a PIN was wrong, or that the PIN is locked."""
    return tries_left(sw) is not None or sw == 0x6983


class Session:
    """Stimulus side: one powered social security card with SSSE selected."""

    def __init__(self, t: CardTester, atr: bytes, fci: bytes) -> None:
        self.t, self.atr, self.fci = t, atr, fci
        self.pin_proved = False

    @staticmethod
    async def open(t: CardTester) -> Session:
        """Cold reset and SSSE, in the step ``start``. Raises :class:`NotHome` for a card without SSSE."""
        with t.step("start"):
            atr = await t.power_on()
            selected = await t.ask(SELECT_SSSE)
        if not names_ssse(selected.data):
            raise NotHome(Label("选择 SSSE 未得到其 FCI：不是社会保障卡", "no FCI of SSSE: not a social security card"))
        return Session(t, atr, selected.data)

    async def again(self, warm: bool = False) -> None:
        """Reset, and select SSSE again."""
        await self.t.power_on(warm)
        await self.t.ask(SELECT_SSSE)

    async def ssse(self) -> CardAnswer:
        return await self.t.ask(SELECT_SSSE)

    async def select(self, fid: int) -> CardAnswer:
        """SELECT by file identifier, P1 = 00."""
        return await self.t.ask(bytes.fromhex("00A4000002") + fid.to_bytes(2))

    async def read(self, ef: int, tag: int, value_length: int) -> CardAnswer:
        """Select the EF and read the record of that tag, as deployed hosts do."""
        await self.select(ef)
        return await self.record(tag, value_length)

    async def record(self, tag: int, value_length: int) -> CardAnswer:
        """The record of that tag in the current EF."""
        return await self.t.ask(bytes((0x00, 0xB2, tag, 0x00, value_length + 2)))

    # Authentication.

    async def keys(self) -> CardKeys:
        """Read what the key derivation needs and leave the area in the history (step ``area``).

        Raises :class:`NotHome` when the card's algorithm has no public text or its ATR cannot carry the factors.
        """
        with self.t.step("issuer"):
            identification = (await self.read(0xEF05, 0x01, 0x10)).data
        history = historical_bytes(self.atr)
        digits = identification[2:5].hex() if len(identification) == 18 else history[7:9].hex() + "00"
        with self.t.step("area", digits=digits):
            pass
        if len(history) != 13 or not digits.isdecimal():
            raise NotHome(Label("ATR 或卡识别码不含分散因子", "ATR or identification hold no diversification factors"))
        try:
            return _derive(self.t.facts, self.fci, history, digits)
        except UnknownAlgorithmError as error:
            raise NotHome(Label("卡的算法没有公开文本，无法判定", str(error))) from error

    async def challenge(self, length: int = 8) -> bytes:
        return (await self.t.ask(bytes((0x00, 0x84, 0x00, 0x00, length)))).data

    async def authenticate(self, keys: CardKeys, key_id: int, *, spoil: int | None = None) -> CardAnswer:
        """GET CHALLENGE and EXTERNAL AUTHENTICATE; *spoil* makes that byte of the cryptogram wrong."""
        proof = keys.authentication(await self.challenge(), AUTH_DATA)
        return await self.external(key_id, spoiled(proof, spoil))

    async def external(self, key_id: int, proof: bytes) -> CardAnswer:
        """EXTERNAL AUTHENTICATE with a ready cryptogram."""
        return await self.t.ask(bytes((0x00, 0x82, 0x00, key_id, 0x10)) + proof + AUTH_DATA)

    async def secured(self, keys: CardKeys, header: str, data: bytes = b"", *, spoil: int | None = None) -> CardAnswer:
        """Send ``header`` (CLA INS P1 P2) with *data* and its MAC under a fresh challenge; *spoil*: a wrong byte."""
        head = bytes.fromhex(header) + bytes((len(data) + 4,))
        code = keys.command_mac(await self.challenge(), head + data)
        return await self.t.ask(head + data + spoiled(code, spoil))

    # PIN.

    @property
    def pin(self) -> str:
        return default_pin(self.t.facts)

    def wrong_pin(self) -> str:
        """Digits of the same length that are not the PIN."""
        return "".join(str((int(each) + 1) % 10) for each in self.pin)

    async def right(self) -> CardAnswer:
        """Ask for the tries and present the declared PIN, in the step ``pin``.

        Raises :class:`PinUnsafe` with too few tries left, and when the card refuses a PIN that it has not accepted yet.
        """
        with self.t.step("pin"):
            left = tries_left((await self.query()).sw)
            if left is None or left < (FEWEST_TRIES_PROVED if self.pin_proved else FEWEST_TRIES):
                raise PinUnsafe(
                    Label("密码剩余次数未知或不足，不再验证密码", "PIN tries unknown or too few: no PIN is presented")
                )
            answer = await self.verify(self.pin)
            if pin_refused(answer.sw) and not self.pin_proved:
                raise PinUnsafe(
                    Label(
                        "卡拒绝所声明的密码：请核对 PIXIT 的 card.pin",
                        "the card refuses the declared PIN: check card.pin",
                    )
                )
            self.pin_proved = self.pin_proved or answer.ok
        return answer

    async def verify(self, pin: str) -> CardAnswer:
        """A PIN as it is; what may be wrong comes after :meth:`spare_tries`."""
        packed = packed_pin(pin)
        return await self.t.ask(bytes((0x00, 0x20, 0x00, 0x00, len(packed))) + packed)

    async def query(self) -> CardAnswer:
        """VERIFY with Lc 00: how many tries are left."""
        return await self.t.ask(QUERY_PIN)

    async def change_pin(self, old: str, new: str) -> CardAnswer:
        data = packed_pin(old) + b"\xff" + packed_pin(new)
        return await self.t.ask(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data)

    async def spare_tries(self) -> int:
        """Tries left, asked in the step ``tries``. Raises :class:`PinUnsafe` when a wrong PIN could lock the card."""
        with self.t.step("tries"):
            left = tries_left((await self.query()).sw)
        if left is None or left < FEWEST_TRIES:
            raise PinUnsafe(
                Label("密码剩余次数未知或不足，不再试错", "PIN tries unknown or too few: no wrong PIN is presented")
            )
        return left


def packed_pin(pin: str) -> bytes:
    """PIN digits, two a byte, low nibble F when odd (cards.md 1.6)."""
    return bytes.fromhex(pin + "F" * (len(pin) % 2))


def _derive(facts: Mapping[str, Any], fci: bytes, historical: bytes, area: str) -> CardKeys:
    root = bytes.fromhex(str(facts.get("pixit", {}).get("card.root_key", TEST_ROOT_KEY)))
    return CardKeys.derive(algorithm_of(facts, fci, area), root, historical, area)


# Oracle side.


@dataclass(frozen=True, slots=True)
class Talk:
    """One command and all that it brought: answers to GET RESPONSE joined, a repeat after 6Cxx folded in."""

    seqs: tuple[int, int]
    command: bytes
    data: bytes
    sw: int

    @property
    def ok(self) -> bool:
        return self.sw == 0x9000


@dataclass(frozen=True, slots=True)
class Start:
    """How the check began: ATR, FCI of SSSE, and where that is written."""

    atr: bytes
    fci: bytes
    seqs: tuple[int, int]

    @property
    def proprietary(self) -> dict[int, bytes]:
        """What template A5 holds."""
        return children(children(children(self.fci).get(0x6F, b"")).get(0xA5, b""))


def talks(step: CardStep) -> list[Talk]:
    """The commands of *step* that were answered, each with its follow-ups."""
    found: list[Talk] = []
    previous: ApduExchange | None = None
    for each in step.exchanges:
        if not each.answered:
            previous = None
            continue
        if previous is not None and found and _continues(previous, each):
            last = found.pop()
            found.append(Talk((last.seqs[0], each.seqs[1]), last.command, last.data + each.data, each.sw))
        else:
            found.append(Talk(each.seqs, each.command, each.data, each.sw))
        previous = each
    return found


def _continues(before: ApduExchange, now: ApduExchange) -> bool:
    if before.sw >> 8 == 0x61:
        return now.command[1:2] == b"\xc0"
    return before.sw >> 8 == 0x6C and now.command[:4] == before.command[:4]


def only(v: CardView, name: str, index: int = -1) -> Talk:
    """The command of that index (last) in the step *name*. Raises :class:`NoObservation`."""
    step = v.step(name)
    found = talks(step)
    try:
        return found[index]
    except IndexError:
        raise NoObservation(
            Label(f"步骤“{name}”没有得到应答", f"step {name!r} holds no answer"), tuple(step.seqs)
        ) from None


def started(v: CardView) -> Start:
    """The positive control of every check: SSSE was selected and named itself. Raises :class:`NoObservation`."""
    step = v.step("start")
    selected = only(v, "start")
    if not names_ssse(selected.data):
        what = Label("选择 SSSE 未得到其 FCI：不是社会保障卡", "no FCI of SSSE: not a social security card")
        raise NoObservation(what, selected.seqs)
    return Start(step.atr.raw, selected.data, step.seqs)


def judge_keys(v: CardView) -> CardKeys:
    """The keys the card must hold, from ATR, FCI, area and declared root key. Raises :class:`NoObservation`."""
    start = started(v)
    area = str(v.step("area").note.get("digits", ""))
    historical = historical_bytes(start.atr)
    if len(historical) != 13 or not area.isdecimal():
        what = Label("ATR 或卡识别码不含分散因子", "ATR or identification hold no diversification factors")
        raise NoObservation(what, start.seqs)
    try:
        return _derive(v.facts, start.fci, historical, area)
    except UnknownAlgorithmError as error:
        raise NoObservation(Label("卡的算法没有公开文本，无法判定", str(error)), start.seqs) from error


def control(holds: bool, zh: str, en: str, about: Talk) -> None:
    """The positive control of a negative check. Raises :class:`NoObservation` where it failed."""
    if not holds:
        raise NoObservation(Label(f"对照未成立：{zh}", f"the control failed: {en}"), about.seqs)


def pin_given(v: CardView) -> None:
    """The declared PIN opened the card: what a check of anything behind it relies on.

    Raises :class:`NoObservation` where it was not presented, or refused at once: nobody can tell then whose fault it is.
    """
    talk = only(v, "pin")
    presented = len(talk.command) > 5
    control(presented and not pin_refused(talk.sw), "所声明的密码有效", "the declared PIN is accepted", talk)
    v.must(talk.ok, "正确密码应通过", "the right PIN must be accepted", talk)
