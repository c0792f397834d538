"""What checks of a card reader do again and again: a card in, a card out, the power gone and back. Stimulus side.

A device is watched, never trusted to be ready: it may ignore the line while a card moves (open-readings.md), its hand
may be a program that never answers, and its line may be dropped by a power cut.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor

from conformance.roles.card_reader import NO_CARD_SEEN, STILL_SEEN, HandUnable, ReaderTester
from protocols.driver.card_reader import NoReply
from protocols.link.base import LinkClosed, LinkError
from protocols.wire.card_reader import Error, Media, Op, Place, Reply, Request

__all__ = [
    "GENERATIONS",
    "SELECT_SSSE",
    "absent",
    "activate",
    "await_power",
    "clear_jam",
    "command",
    "eject",
    "frame_of",
    "is_out",
    "move",
    "power_cycle",
    "put_in",
    "read_ef05",
    "special",
    "take",
    "transmit",
    "watch",
]

GENERATIONS = ("1.0", "2.0", "3.0")
"""Cards that every hand knows. Any other card needs a hand that says whether it was inserted."""

SETTLE_S = 0.35
"""Longer than the 300 ms after which a device resends: an exchange that was given up is then over."""

INTAKE_S = 2.5
"""A card at the gate may still be on its way in: a motion takes about 1.5 s (spec/devices.md 10)."""

POWER_RETURN_S = 15.0
MAX_POLL_S = 0.4
SELECT_SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
SELECT_EF05 = (bytes.fromhex("00A4020002EF05"), bytes.fromhex("00A4000002EF05"))
EF05_RECORDS = ((0x01, 0x10), (0x03, 0x04), (0x07, 0x09))
"""Tag and value length of the records of EF05 that are read (spec/cards.md 1.4)."""

READ_ALL = bytes.fromhex("00B20105FF")
"""READ RECORD of all records of the current file, in one answer longer than any record (spec/cards.md 1.3)."""

MAX_CHAINED = 8


def is_out(reply: Reply) -> bool:
    """The reader says that it is empty."""
    return reply.ok and reply.media is Media.NONE


def is_in(reply: Reply) -> bool:
    """The reader shows a card, or an error that stands for one (a jam, a long card)."""
    return not reply.ok or reply.media not in (None, Media.NONE)


async def watch(t: ReaderTester, wanted: Callable[[Reply], bool], limit_s: float | None = None) -> Reply:
    """Poll the status until it is *wanted* or the time is over; a reader may keep silent while a card moves.

    Raises :class:`NoReply` when it is still silent at the end.
    """
    until = t.clock.now() + (t.hand.patience_s if limit_s is None else limit_s)
    wait_s, silent = t.POLL_S, False
    while True:
        try:
            reply = await t.status()
        except NoReply:
            if t.clock.now() >= until:
                raise
            silent = True
            await t.port.drain(SETTLE_S)
        else:
            if wanted(reply) or t.clock.now() >= until:
                if silent:  # late ACKs to what was sent meanwhile must not be taken for later ones
                    await t.port.drain(SETTLE_S)
                return reply
        await t.pause(wait_s)
        wait_s = min(wait_s * 2, MAX_POLL_S)


async def command(t: ReaderTester, request: Request, tries: int = 3) -> Reply:
    """An exchange with a reader that may still be moving a card: silence is answered by asking again."""
    for left in range(tries - 1, 0, -1):
        try:
            reply = await t.ask(request)
        except NoReply:
            await t.port.drain(SETTLE_S)
        else:
            if left < tries - 1:
                await t.port.drain(SETTLE_S)
            return reply
    return await t.ask(request)


async def absent(t: ReaderTester, wait_s: float) -> Reply:
    """Watch for *wait_s* that no card shows up; ends at the first sign of one."""
    return await watch(t, is_in, min(wait_s, t.hand.patience_s))


def special(action: str, status: str) -> None:
    """Demand that the hand said ``done``. Nobody else can say that an unusual card or event took place."""
    if status != "done":
        raise HandUnable(action, status)


async def put_in(t: ReaderTester, card: str = "3.0") -> Reply:
    """Step ``insert``: open the entry, have *card* inserted, wait until it has come to rest.

    Raises :class:`HandUnable` when no card shows and the hand does not answer, or when it does not vouch for a card that is
    not one of :data:`GENERATIONS`.
    """
    with t.step("insert", card=card):
        await command(t, Request(Op.ENTRY, enabled=True))
        status = await t.act(f"insert {card}")
        if card not in GENERATIONS:
            special(f"insert {card}", status)
        reply = await watch(t, is_in)
        if reply.ok and reply.media is Media.GATE:
            reply = await watch(t, lambda seen: seen.media is not Media.GATE, min(INTAKE_S, t.hand.patience_s))
    if status != "done" and is_out(reply):
        raise HandUnable(f"insert {card}", NO_CARD_SEEN)
    return reply


async def move(t: ReaderTester, place: Place, step: str = "") -> Reply:
    """Move the card; with *step*, inside a step of that name which ends with a status."""
    if not step:
        return await command(t, Request(Op.MOVE, place=place))
    with t.step(step):
        reply = await command(t, Request(Op.MOVE, place=place))
        await command(t, Request(Op.STATUS))
    return reply


async def take(t: ReaderTester) -> Reply:
    """Step ``take``: the citizen takes the card; wait until the reader is empty.

    Raises :class:`HandUnable` when the card stays at the mouth and the hand does not answer.
    """
    with t.step("take"):
        status = await t.act("remove")
        reply = await watch(t, is_out)
    if status != "done" and reply.ok and reply.media is Media.GATE:
        raise HandUnable("remove", STILL_SEEN)
    return reply


async def eject(t: ReaderTester) -> Reply:
    """Steps ``eject`` and ``take``: hand the card out and have it taken."""
    with t.step("eject"):
        reply = await command(t, Request(Op.MOVE, place=Place.EJECT))
        if reply.error in (Error.CONTACT_NOT_RELEASED, Error.CANNOT_EXECUTE):  # the chip may have to be let go first
            await command(t, Request(Op.CHIP_OFF))
            await command(t, Request(Op.MOVE, place=Place.EJECT))
        await command(t, Request(Op.STATUS))
    return await take(t)


async def activate(t: ReaderTester, volts: int = 5, emv: bool = True) -> Reply:
    """Step ``activate``: bring the card under the contacts and give it a cold reset."""
    with t.step("activate"):
        await command(t, Request(Op.MOVE, place=Place.IC))
        return await command(t, Request(Op.CHIP_ON, volts=volts, emv=emv))


async def transmit(t: ReaderTester, apdu: bytes, op: Op = Op.CHIP_APDU, socket: int = 0, number: int = 0) -> Reply:
    """One APDU; what ``61xx`` and ``6Cxx`` announce is fetched. Gives the last reply."""
    reply = await t.ask(Request(op, socket=socket, number=number, data=apdu))
    for _ in range(MAX_CHAINED):
        if not reply.ok or reply.data[-2:-1] not in (b"\x61", b"\x6c"):
            break
        tail = reply.data[-1:]
        apdu = apdu[:4] + tail if reply.data[-2] == 0x6C else b"\x00\xc0\x00\x00" + tail
        reply = await t.ask(Request(op, socket=socket, number=number, data=apdu))
    return reply


async def read_ef05(t: ReaderTester, op: Op = Op.CHIP_APDU) -> None:
    """Step ``ef05``: select the social security application, read records of EF05, then all (spec/cards.md 1.2 to 1.4)."""
    with t.step("ef05"):
        await transmit(t, SELECT_SSSE, op)
        for select in SELECT_EF05:
            reply = await transmit(t, select, op)
            if reply.data[-2:] == b"\x90\x00":
                break
        for tag, length in EF05_RECORDS:
            await transmit(t, bytes((0x00, 0xB2, tag, 0x00, length + 2)), op)
        await transmit(t, READ_ALL, op)


async def await_power(t: ReaderTester) -> Reply:
    """Open the line anew and wait for an answer to STATUS. Raises what it last met when the reader stays away."""
    until = t.clock.now() + POWER_RETURN_S
    while True:
        try:
            await t.open()
            return await t.status()
        except (LinkClosed, LinkError):
            if t.clock.now() >= until:
                raise
            await t.pause(0.3)


async def power_cycle(t: ReaderTester, off_s: float = 0.5, hold_s: float = 0.0) -> Reply:
    """Step ``power``: off after *hold_s*, on again after *off_s*, and the first status that then comes."""
    with t.step("power"):
        await t.pause(hold_s)
        await t.act("poweroff")
        await t.pause(off_s)
        await t.act("poweron")
        return await await_power(t)


async def clear_jam(t: ReaderTester) -> None:
    """Step ``clear``: leave no jam behind, by whatever helps here: clearing, taking the card, the power."""
    with t.step("clear"):
        for actions in (("clear-jam",), ("remove",), ("poweroff", "poweron")):
            if not t.hand.actions.issuperset(actions):
                continue
            for action in actions:
                await t.act(action)
            if "poweron" in actions:
                await await_power(t)
            if (await command(t, Request(Op.INITIALISE, place=Place.STAY))).ok:
                return


def frame_of(t: ReaderTester, text: bytes, length: int | None = None) -> bytes:
    """A frame around *text* with a right check byte, beyond the bound of the dialect or with a false *length* if asked.

    Both families put a prefix, two length bytes, the text, 03 and the exclusive or of all that (spec/devices.md 4.1, 4.2).
    """
    known = t.dialect.encode_request(Request(Op.STATUS))
    prefix = t.dialect.framing().wrap(known)[: -len(known) - 4]
    body = prefix + (len(text) if length is None else length).to_bytes(2, "big") + text + b"\x03"
    return body + bytes((reduce(xor, body),))
