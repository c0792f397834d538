"""What checks of a PIN pad share: published keys and texts, the way to an entered PIN, and sentences of oracles.

Every key, PIN, card number and text here is a published test vector (spec/devices.md 3): a history may show what a pad makes
of them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from conformance.model import Blame, Check, NoObservation
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadExchange, PadStep, PadView
from protocols.driver.line_port import NoReply
from protocols.wire.pin_pad import EntryMode, Error, Key, Keypad, Op, PinFormat, Reply, Request, Setting, Value

__all__ = [
    "DOUBLE",
    "FUNCTION_KEYS",
    "M18",
    "MISSING",
    "PAN",
    "PIN",
    "SINGLE",
    "TPK",
    "TRIPLE",
    "PadCheck",
    "ask",
    "block_of",
    "entered",
    "keyed",
    "load",
    "load_work",
    "parameter",
    "pics",
    "pin_entry",
    "put",
    "use",
]

SINGLE = bytes.fromhex("0123456789ABCDEF")
DOUBLE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TRIPLE = DOUBLE + bytes.fromhex("8967452301EFCDAB")
TPK = bytes.fromhex("11" * 8 + "22" * 8)
M18 = b"0123456789ABCDEF01"
PAN = "123456789012345678"
PIN = "123456"

MISSING = (Error.MASTER_MISSING, Error.WORK_MISSING)
MOST_DIGITS = 12
LIMIT_S = 60

NONSENSE = Request(Op.UNKNOWN, code=0x99)
"""A command that no dialect of this class defines."""

FUNCTION_KEYS = (Key.ENTER, Key.CLEAR, Key.CANCEL, Key.POINT, Key.DOUBLE_ZERO, Key.BLANK)


class PadCheck(Check):
    """A check that begins with a pad at rest. Subclasses say ``drive`` and ``judge``.

    ``witness``: also ask for something that no pad does. A device that says yes to that says yes to everything, so its other
    answers show nothing: the check is then inconclusive, and ``pad.line.unknown`` says why.
    """

    device_class = "pin_pad"
    clauses: ClassVar[tuple[str, ...]] = ("DG-WXC-07",)
    witness: ClassVar[bool] = False

    async def drive(self, t: PadTester) -> None:
        raise TypeError(f"{type(self).__name__} drives nothing")

    def judge(self, v: PadView) -> None:
        raise TypeError(f"{type(self).__name__} judges nothing")

    async def stimulus(self, t: Any) -> None:
        await t.home()
        if self.witness:
            with t.step("witness"):
                try:
                    await t.ask(NONSENSE)
                except NoReply:
                    await t.listen(t.QUIET_S)
        await self.drive(t)

    def oracle(self, v: Any) -> None:
        for step in v.steps("witness"):
            exchange = PadStep(step, v.dialect).first
            if exchange.answered and exchange.reply.ok:
                v.unsure(
                    "设备对不存在的命令也回答成功，其成功应答不足为凭",
                    "the device also says yes to a command that does not exist: its yes proves nothing",
                    exchange,
                    blame=Blame.DEVICE,
                )
        try:
            self.judge(v)
        except NoObservation:
            if not any(each.kind == "cut" and each.note.get("why") in ("hand", "not_home") for each in v.records):
                raise  # otherwise the cut itself says why there is nothing to see


def parameter(v: PadView, name: str) -> Any:
    """A declared reading of the documents, None where nothing was declared."""
    return (v.facts.get("parameters") or {}).get(f"pad.{name}")


def pics(facts: Any, name: str, default: Any) -> Any:
    """A declared capability, *default* where nothing was declared."""
    return (facts.get("pics") or {}).get(f"pad.{name}", default)


# Stimuli.


async def ask(t: PadTester, step: str, request: Request, **note: Any) -> Reply:
    """One command in a step of its own."""
    with t.step(step, **note):
        return await t.ask(request)


async def put(t: PadTester, setting: Setting, value: Value) -> Reply:
    """Set a parameter."""
    return await t.ask(Request(Op.SET, setting=setting, value=value))


async def load(t: PadTester, key: bytes, master: int = 0, step: str = "load") -> Reply:
    """A master key in the clear."""
    return await ask(t, step, Request(Op.LOAD_MASTER, master=master, data=key))


async def load_work(t: PadTester, cipher: bytes, master: int = 0, slot: int = 0, step: str = "load-work") -> Reply:
    """A work key, enciphered under *master*."""
    return await ask(t, step, Request(Op.LOAD_WORK, master=master, slot=slot, data=cipher))


async def use(t: PadTester, master: int = 0, slot: int = 0, step: str = "activate") -> Reply:
    return await ask(t, step, Request(Op.ACTIVATE, master=master, slot=slot))


async def pin_entry(
    t: PadTester,
    *,
    most: int = MOST_DIGITS,
    limit_s: int = LIMIT_S,
    mode: EntryMode = EntryMode.WITH_PAN,
    pan: str = PAN,
    step: str = "start",
) -> Reply:
    """Step *step*: card number, keypad open, PIN entry begins."""
    with t.step(step):
        await t.ask(Request(Op.PAN, data=pan[-13:-1].encode()))
        await t.ask(Request(Op.KEYPAD, keypad=Keypad.OPEN_SOUND))
        return await t.ask(Request(Op.START_PIN, most=most, mode=mode, limit_s=limit_s))


async def entered(t: PadTester, pin: str = PIN, then: str = "enter", step: str = "keys") -> list[int]:
    """Step *step*: digits, then a key; what the pad said to them."""
    with t.step(step, digits=len(pin)):
        said = await t.type_digits(pin)
        await t.act(f"press {then}")
        return said + await t.heard(1, min(t.hand.patience_s, 1.0))


async def block_of(t: PadTester, pin: str = PIN, pan: str = PAN, pin_format: PinFormat = PinFormat.ISO_0) -> Reply:
    """Steps ``start``, ``keys`` and ``block``: one PIN from its first digit to its block."""
    await put(t, Setting.PIN_FORMAT, pin_format)
    await pin_entry(t, pan=pan, mode=EntryMode.BY_PARAMETER)
    await entered(t, pin)
    return await ask(t, "block", Request(Op.PIN_BLOCK))


def keyed(v: PadView, step: str = "load") -> PadExchange:
    """The load of a key, which must succeed for anything else to be said."""
    exchange = v.step(step).first
    v.succeeded(exchange, "下载密钥", "load a key")
    return exchange
