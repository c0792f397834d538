"""Driver of the PIN pad class: the calls a kiosk makes, whatever the dialect (spec/devices.md 1, golden dialogue of 1.2).

A clear PIN never passes here in PIN entry: the pad says that a digit was pressed, and gives the enciphered block at the end.
Plain entry, for the PIN that a social security card compares itself, is a call of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable

from protocols.driver.line_port import DAMAGED, MAX_ITEMS_AN_EXCHANGE, LinePort, NoReply
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.base import Control, Frame, Noise, WireError
from protocols.wire.pin_pad import (
    ERROR_LABELS,
    Cipher,
    EntryMode,
    Error,
    Key,
    Keypad,
    MacMode,
    Op,
    PinFormat,
    PinPadDialect,
    Reply,
    Request,
    Setting,
    Value,
)

__all__ = ["PadPort", "PadRefused", "PinCancelled", "PinPad", "PinTimedOut"]

PadPort = LinePort[PinPadDialect]
"""The line to a PIN pad."""

OnKey = Callable[[int], None]
"""Hears how many digits stand there, after every key."""

BLOCK_BYTES = 8
SLOWEST_BLOCK_S = 0.08
"""A pad may need so long for eight bytes (spec/devices.md 1.4: 75 ms)."""
SLACK_S = 1.0
"""How much longer than the pad its host waits, so that the pad says itself that the time has passed."""
GREATEST_LIMIT_S = 255
PAN_DIGITS = 12
LEAST_PAN_DIGITS = 13

_CODE = frozenset(b"0123456789ABCDEF")
_BLOCK = (8, 16)
_SHAPES: dict[Op, tuple[int, ...]] = {
    Op.PIN_BLOCK: _BLOCK,
    Op.MAC: _BLOCK,
    Op.LOAD_MASTER: (0, *range(3, 9)),
    Op.LOAD_WORK: (0, *range(3, 9)),
    Op.KCV: tuple(range(3, 9)),
    Op.RANDOM: (16,),
}
"""How many bytes an answer that is done brings. Answers name no command: what has another length is an earlier one's."""
_EMPTY = frozenset({Op.RESET, Op.WIPE, Op.PAN, Op.START_PIN, Op.ACTIVATE, Op.KEYPAD, Op.SET, Op.VECTOR, Op.REARM})
_ONCE = frozenset({Op.PIN_BLOCK, Op.START_PIN})
"""Not sent again into silence: the first copy may have used up the PIN, or begun to collect it."""


class PadRefused(LinkError):
    """The pad answered with an error; ``reply`` is its answer. The text shows neither key nor data."""

    def __init__(self, request: Request, reply: Reply) -> None:
        assert reply.error is not None
        super().__init__(f"{request.op}: {ERROR_LABELS[reply.error].en} ({reply.code or '-'})")
        self.request_op, self.reply = request.op, reply


class PinCancelled(Exception):
    """The citizen pressed cancel."""


class PinTimedOut(Exception):
    """The entry was not finished in time."""


class PinPad:
    """A PIN pad. Every call ends: by answer, by :class:`NoReply`, or by LinkClosed. One task at a time.

    *auto_end*: an entry ends with its last digit, without enter.
    """

    def __init__(self, port: PadPort, *, auto_end: bool = False) -> None:
        self.port, self.dialect = port, port.dialect
        self._auto_end = auto_end
        self._settings: dict[Setting, Value] = {}
        self._entering = False
        self._timed_out = False

    # One exchange.

    async def request(self, request: Request, limit_s: float | None = None) -> Reply:
        """One command and its answer. A refusal is a normal reply here: see :meth:`demand`."""
        timing = self.dialect.rules.timing
        frame = self.port.dialect.framing().wrap(self.dialect.encode_request(request))
        limit_s = limit_s or timing.reply_s + SLOWEST_BLOCK_S * math.ceil(len(request.data) / BLOCK_BYTES)
        tries = 1 if request.op in _ONCE else timing.resends + 1
        for left in reversed(range(tries)):
            await self.port.send(frame)
            try:
                reply = await self._answer(request, limit_s)
            except NoReply:
                if not left:
                    raise
                continue
            if left < tries - 1:
                await self.port.drain(timing.resync_s)  # the first copy's answer may still come: it names no command
            return reply
        raise NoReply("reply", limit_s)

    async def demand(self, request: Request, limit_s: float | None = None) -> Reply:
        """Like :meth:`request`, but raises :class:`PadRefused` when the pad answers with an error."""
        reply = await self.request(request, limit_s)
        if not reply.ok:
            raise PadRefused(request, reply)
        return reply

    async def _answer(self, request: Request, limit_s: float) -> Reply:
        """The answer to *request*. Keys, noise and answers to earlier commands are passed over; a damaged frame ends the
        wait, for it was the answer."""
        until = self.port.clock.now() + limit_s
        for _ in range(MAX_ITEMS_AN_EXCHANGE):
            item = await self.port.next_item(max(until - self.port.clock.now(), 0.0))
            if isinstance(item, Noise) and item.why in DAMAGED:
                raise NoReply("reply", limit_s)
            if not isinstance(item, Frame):
                continue
            reply = self._decoded(item)
            if self._entering and reply.error is Error.TIME_OUT and request.op is not Op.PIN_BLOCK:
                self._entering, self._timed_out = False, True
                continue  # the entry ended by itself while the host was speaking
            if self._fits(request, reply):
                return reply
        raise NoReply("reply", limit_s)

    @staticmethod
    def _fits(request: Request, reply: Reply) -> bool:
        if not reply.ok:
            return True
        if request.op in _EMPTY:
            return not reply.data
        if request.op in (Op.ENCRYPT, Op.DECRYPT):
            return len(reply.data) == len(request.data)
        shapes = _SHAPES.get(request.op)
        return shapes is None or len(reply.data) in shapes

    def _decoded(self, frame: Frame) -> Reply:
        try:
            return self.dialect.decode_reply(frame.text)[1]
        except WireError as error:
            raise LinkError(f"the pad's answer does not follow its dialect: {error.why}") from error

    # Keys.

    async def initialise(self) -> str:
        """Self-test, then the parameters of the golden dialogue: 3DES, format 0, check values. Gives the version's text.

        Keys stay. Raises :class:`PadRefused` with the self-test's finding: a removed pad says that its keys are lost.
        """
        self._settings.clear()
        await self._forget_answers()
        await self.demand(Request(Op.RESET))
        version = await self.demand(Request(Op.VERSION))
        await self._set(Setting.LOAD_CIPHER, Cipher.TDES)
        await self._set(Setting.WORK_CIPHER, Cipher.TDES)
        await self._set(Setting.PIN_FORMAT, PinFormat.ISO_0)
        await self._set(Setting.KCV_ON, 1)
        if self._auto_end:
            await self._set(Setting.AUTO_END, 1)
        return version.data[:16].decode("ascii", "replace").strip()

    async def load_master_key(self, master: int, key: bytes) -> bytes:
        """A master key in the clear, for a set-up with test keys. Gives its check value."""
        return (await self.demand(Request(Op.LOAD_MASTER, master=master, data=key))).data

    async def load_work_key(self, master: int, slot: int, cipher: bytes) -> bytes:
        """A work key enciphered under *master*, ECB. Gives the check value of what the pad deciphered."""
        return (await self.demand(Request(Op.LOAD_WORK, master=master, slot=slot, data=cipher))).data

    async def activate(self, master: int, slot: int) -> None:
        """Use that work key from now on."""
        await self.demand(Request(Op.ACTIVATE, master=master, slot=slot))

    async def check_value(self, master: int, slot: int | None = None) -> bytes:
        """Check value of a work key, or of the master key itself."""
        return (await self.demand(Request(Op.KCV, master=master, slot=slot))).data

    async def wipe(self) -> None:
        """Every key is gone."""
        self._settings.clear()
        await self.demand(Request(Op.WIPE))

    async def rearm(self) -> None:
        """After the pad was taken out and put back: it accepts keys again."""
        await self.demand(Request(Op.REARM))

    # Data.

    async def mac(self, data: bytes, mode: MacMode = MacMode.UNIONPAY) -> bytes:
        """MAC of *data* under the active key; under UNIONPAY the eight characters that go into a bank's message.

        Raises WireError for no data, and for more than one frame holds in another mode.
        """
        if not data:
            raise WireError("a MAC needs data")
        await self._set(Setting.MAC_MODE, mode)
        if mode is MacMode.UNIONPAY:
            if len(data) > self.dialect.rules.data_limit:
                data = _folded(data)  # the mode begins with this: the MAC is the same
            code = (await self.demand(Request(Op.MAC, data=data))).data
            return code if _CODE.issuperset(code) else code[:4].hex().upper().encode()
        return (await self.demand(Request(Op.MAC, data=data))).data

    async def encrypt(self, data: bytes) -> bytes:
        """ECB over whole blocks of *data*, in as many commands as it takes."""
        step = self.dialect.rules.data_limit
        parts = [data[at : at + step] for at in range(0, len(data), step)]
        return b"".join([(await self.demand(Request(Op.ENCRYPT, data=each))).data for each in parts])

    # Entries.

    async def enter_pin(self, pan: str, *, least: int, most: int, limit_s: float, on_key: OnKey) -> bytes:
        """One PIN of *pan*, enciphered under the active key: the block of 8 bytes (SM4: 16).

        The keypad is closed afterwards, whatever happened. Raises :class:`PinCancelled`, :class:`PinTimedOut`, WireError for
        a card number that cannot be in a block.
        """
        if len(pan) < LEAST_PAN_DIGITS or not (pan.isascii() and pan.isdecimal()):
            raise WireError("a PIN block needs a card number of at least 13 digits")
        await self._set(Setting.LEAST_DIGITS, least)
        await self.demand(Request(Op.PAN, data=pan[-1 - PAN_DIGITS : -1].encode()))
        whole_s = max(1, min(GREATEST_LIMIT_S, math.ceil(limit_s)))
        start = Request(Op.START_PIN, most=most, mode=EntryMode.WITH_PAN, limit_s=whole_s)
        try:
            await self.demand(Request(Op.KEYPAD, keypad=Keypad.OPEN_SOUND))
            self._entering = True
            await self.demand(start)
            await self._count_digits(most, limit_s, on_key)
            return await self._block()
        finally:
            await self._close()

    async def enter_text(self, *, least: int = 1, most: int, limit_s: float, on_key: OnKey) -> str:
        """Digits in the clear, *least* to *most* of them, ended by enter. Raises as :meth:`enter_pin`."""
        until = self.port.clock.now() + limit_s
        digits = ""
        try:
            await self.demand(Request(Op.KEYPAD, keypad=Keypad.OPEN_SOUND))
            while True:
                key = await self._key(until)
                if key is Key.CANCEL:
                    raise PinCancelled
                if key is Key.ENTER and len(digits) >= least:
                    return digits
                if key is Key.CLEAR:
                    digits = ""
                elif key is Key.DOUBLE_ZERO:
                    digits = (digits + "00")[:most]
                elif key.digit:
                    digits = (digits + key.value)[:most]
                on_key(len(digits))
        finally:
            await self._close()

    async def abort(self) -> None:
        """Close the keys and forget what was being entered, wherever a call was left."""
        await self._forget_answers()
        await self.demand(Request(Op.KEYPAD, keypad=Keypad.CLOSED))

    async def aclose(self) -> None:
        with contextlib.suppress(LinkClosed):
            await self.port.link.aclose()

    async def _count_digits(self, most: int, limit_s: float, on_key: OnKey) -> None:
        """Until enter, or the last digit where that ends the entry. The pad forgets on clear, so does the count."""
        until, count = self.port.clock.now() + limit_s + SLACK_S, 0
        while True:
            key = await self._key(until)
            if key is Key.CANCEL:
                raise PinCancelled
            if key is Key.ENTER:
                return
            if key is Key.CLEAR:
                count = 0
            elif key is Key.MASKED:
                count += 1
            on_key(count)
            if self._auto_end and count == most:
                return

    async def _key(self, until: float) -> Key:
        """The next key. Raises :class:`PinTimedOut` at *until*, and when the pad says so."""
        while not self._timed_out:
            try:
                item = await self.port.next_item(max(until - self.port.clock.now(), 0.0), "key")
            except NoReply:
                break
            if isinstance(item, Control):
                key = self.dialect.key_of(item.byte)
                if key is Key.TIME_OUT:
                    break
                if key is not None:
                    return key
            elif isinstance(item, Frame) and self._decoded(item).error in (Error.TIME_OUT, Error.NO_KEY_PRESSED):
                break
        self._timed_out = False
        raise PinTimedOut

    async def _block(self) -> bytes:
        request = Request(Op.PIN_BLOCK)
        reply = await self.request(request)
        if reply.error is Error.TIME_OUT:
            raise PinTimedOut
        if not reply.ok:
            raise PadRefused(request, reply)
        return reply.data

    async def _forget_answers(self) -> None:
        """Let what is still on its way arrive: an answer that nobody waits for would be taken for the next command's."""
        self._entering = self._timed_out = False
        await self.port.drain(self.dialect.rules.timing.resync_s)

    async def _close(self) -> None:
        """Close the keypad after an entry. When the caller was cancelled, nothing is sent: it calls :meth:`abort`."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return
        try:
            await self.demand(Request(Op.KEYPAD, keypad=Keypad.CLOSED))
        finally:
            self._entering = self._timed_out = False

    async def _set(self, setting: Setting, value: Value) -> None:
        """Set a parameter, unless the pad has it already."""
        if self._settings.get(setting) != value:
            await self.demand(Request(Op.SET, setting=setting, value=value))
            self._settings[setting] = value


def _folded(data: bytes) -> bytes:
    """All blocks of eight bytes, XORed: what a UnionPay MAC is made from."""
    folded = bytearray(BLOCK_BYTES)
    for at, byte in enumerate(data):
        folded[at % BLOCK_BYTES] ^= byte
    return bytes(folded)
