"""Puts a kiosk together from its command line: card bay, business, screen or lines, heartbeat."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from protocols.clock import Clock, UnixClock
from protocols.driver.pin_pad import PadPort, PinPad
from protocols.link.base import CardPort, open_link
from protocols.seeded import SeededChoice
from reference_impl.kiosk.bank_card import BankCardReader, StripeReader
from reference_impl.kiosk.bays import CardBay, MotorBay, NoBay, SlotBay
from reference_impl.kiosk.business.menu import Terms
from reference_impl.kiosk.chip_card import ChipReader
from reference_impl.kiosk.codes import LinkCodes
from reference_impl.kiosk.command_line import dialects, pad_dialects, terms_of
from reference_impl.kiosk.desk import Desk
from reference_impl.kiosk.outbox import Outbox
from reference_impl.kiosk.pin_entry import Keypad
from reference_impl.kiosk.platform import PlatformRefused
from reference_impl.kiosk.platform_client import PlatformClient
from reference_impl.kiosk.platform_http import HttpExchange
from reference_impl.kiosk.printing import FolderOutput, LinkOutput, Printer, SlipPrinter, load_library
from reference_impl.kiosk.second_reader import SecondReader
from reference_impl.kiosk.state import Policy
from reference_impl.kiosk.terminal_key import load_key, load_or_make_key

__all__ = ["Counter", "Psams", "bay_of", "counter_of", "policy_of", "second_reader_of"]

Psams = Callable[[], CardPort]


@dataclass(frozen=True, slots=True)
class Counter:
    """The business side of a kiosk: its desk and terms, and the platform for the heartbeat."""

    desk: Desk
    terms: Terms
    platform: PlatformClient


def bay_of(options: argparse.Namespace, clock: Clock, psam_port: CardPort | None) -> tuple[CardBay, Psams | None]:
    """The bay for the card, and how to reach the PSAM if there is one; *psam_port* is the one of --psam-pcsc."""

    def from_port() -> CardPort:
        assert psam_port is not None
        return psam_port

    beside = from_port if psam_port is not None else None
    if options.headless:
        return NoBay(), None
    if options.pcsc is not None:
        return SlotBay(options.pcsc), beside
    bay = MotorBay(options.reader, dialects()[options.dialect], clock)
    if options.psam_socket is None:
        return bay, beside
    return bay, lambda: bay.sam(options.psam_socket)


def policy_of(options: argparse.Namespace, bay: CardBay, *, psam: bool) -> Policy:
    return Policy(
        pin_s=options.pin_s,
        confirm_s=options.confirm_s,
        holder_s=options.holder_s,
        take_s=options.take_s,
        fault_s=options.fault_s,
        settle_s=options.settle_s,
        psam=psam,
        motorised=bay.motorised,
        once=options.once,
    )


def second_reader_of(options: argparse.Namespace) -> SecondReader | None:
    """The reader for bank cards, where there is one besides that of the social security card."""
    if options.bank_reader is None:
        return None
    clock = UnixClock()
    bay = MotorBay(options.bank_reader, dialects()[options.bank_dialect], clock)
    return SecondReader(bay, ChipReader(bay, clock, lambda: os.urandom(4), StripeReader(bay, clock)))


async def counter_of(options: argparse.Namespace, bay: CardBay, second: SecondReader | None = None) -> Counter:
    """Everything of business; *second* reads bank cards in place of *bay*.

    Raises KeyFileProblem, OutboxFailed, JournalDamaged, LinkError, PlatformRefused, PlatformSilent: each says what to do.
    """
    clock = UnixClock()
    async with AsyncExitStack() as undo:
        key_file = Path(options.key_file)
        key = load_or_make_key(key_file) if options.enrol is not None else load_key(key_file)
        platform = await _platform_of(options, clock, key)
        undo.push_async_callback(platform.aclose)
        outbox = Outbox.open(Path(options.outbox), clock.now)
        undo.callback(outbox.aclose)
        keypad = _keypad_of(options, clock, platform)
        cards: BankCardReader | None = second or _cards_of(bay, clock)
        codes = LinkCodes(await open_link(options.scanner, clock)) if options.scanner is not None else None
        desk = Desk(
            platform,
            outbox,
            clock,
            keypad=keypad,
            cards=cards,
            codes=codes,
            printer=await _printer_of(options, clock),
        )
        undo.pop_all()
    terms = terms_of(options, bank_cards=keypad is not None and (cards is not None or options.headless))
    return Counter(desk, terms, platform)


async def _platform_of(options: argparse.Namespace, clock: Clock, key: bytes) -> PlatformClient:
    choice = SeededChoice(int.from_bytes(os.urandom(8), "big"), "waits of the platform client")
    platform = PlatformClient(HttpExchange(options.backend), options.terminal, key, clock, choice)
    if options.enrol is None:
        return platform
    try:
        try:
            await platform.session()  # enrolled already, and the answer got lost: the code is used up
        except PlatformRefused:
            await platform.enrol(options.enrol)
            await platform.session()
    except BaseException:
        await platform.aclose()
        raise
    return platform


def _cards_of(bay: CardBay, clock: Clock) -> BankCardReader | None:
    """The chip of the card in *bay*, and in a motorised reader its stripe."""
    if isinstance(bay, NoBay):
        return None
    stripe = StripeReader(bay, clock) if isinstance(bay, MotorBay) else None
    return ChipReader(bay, clock, lambda: os.urandom(4), stripe)


def _keypad_of(options: argparse.Namespace, clock: Clock, platform: PlatformClient) -> Keypad | None:
    if options.epp is None:
        return None

    async def open_pad() -> PinPad:
        link = await open_link(options.epp, clock)
        return PinPad(PadPort(link, pad_dialects()[options.epp_dialect], clock))

    return Keypad(open_pad, platform)


async def _printer_of(options: argparse.Namespace, clock: Clock) -> Printer | None:
    if options.printer is not None:
        output = LinkOutput(await open_link(options.printer, clock))
    elif options.receipts is not None:
        output = FolderOutput(Path(options.receipts))
    else:
        return None
    asyncio.get_running_loop().run_in_executor(None, load_library)
    return SlipPrinter(output, options.terminal, clock.now, options.columns)
