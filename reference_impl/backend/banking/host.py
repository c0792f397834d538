"""One exchange with the bank's host, judged: was there a reply, can it be read, is it authentic, is it the answer to this.

Sources: spec/services.md 3.3 (MAC), 3.4 (sign in again on 77 or on processing request 1). A reply that is not authentic decides
nothing about money; that it asks for a new sign-in is taken as a hint all the same, for that can do no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from protocols.clock import Clock
from protocols.wire.bank.codes import APPROVED, Action, response
from protocols.wire.bank.days import CutOver
from protocols.wire.bank.fields import MAC_FIELD
from protocols.wire.bank.frame import Header, Tpdu
from protocols.wire.bank.message import Message, decode, encode, encode_signed, signed_part
from protocols.wire.bank.parts import TypeAndBatch
from protocols.wire.base import WireError
from protocols.wire.platform.models import PinKey
from reference_impl.backend.banking import messages
from reference_impl.backend.banking.security_module import KeysRefused, SecurityModule
from reference_impl.backend.banking.terminals import BankTerminal, BankTerminals
from reference_impl.backend.storage.writes import Write
from reference_impl.backend.transport import FrameTransport, NoAnswer, NotSent

__all__ = ["BankHost", "BankSettings", "BankUnavailable", "Commit", "Reply"]

Commit = Callable[[Sequence[Write]], Awaitable[None]]

_ECHOED = (3, 4, 11, 41, 42)


class BankUnavailable(Exception):
    """The bank did not give what was asked of it: no reply, a refusal, or keys that are none. Try again later."""


@dataclass(frozen=True, slots=True)
class BankSettings:
    """``limit_s``: how long a reply is waited for; ``file_delay_s`` from cut-over to the day's bill; ``bill_poll_s`` between two
    questions for a bill that is late; ``margin_s`` how far the bank's clock and a late delivery may be off."""

    peer: str = "bank"
    files: str = "bank-files"
    limit_s: float = 60.0
    cut_over: CutOver = CutOver()  # noqa: RUF009 frozen
    file_delay_s: float = 7200.0
    bill_poll_s: float = 600.0
    margin_s: float = 900.0
    header: Header = Header()  # noqa: RUF009 frozen
    tpdu: Tpdu = Tpdu()  # noqa: RUF009 frozen


@dataclass(frozen=True, slots=True)
class Reply:
    """``message`` when it is authentic and the answer to what was asked, otherwise None and ``fault`` says why:
    ``unsent``, ``no-reply``, ``reply-unreadable``, ``reply-mac``, ``reply-reference``."""

    message: Message | None = None
    fault: str = ""

    @property
    def code(self) -> str:
        return self.message.get(39) if self.message else ""


class BankHost:
    """Exchanges and sign-in. Callers of :meth:`ask` and :meth:`sign_in` hold the terminal's lock."""

    def __init__(
        self,
        settings: BankSettings,
        terminals: BankTerminals,
        module: SecurityModule,
        frames: FrameTransport,
        commit: Commit,
        clock: Clock,
    ) -> None:
        self.settings, self.terminals, self.module, self.clock = settings, terminals, module, clock
        self._frames, self.commit = frames, commit

    # Exchanges.

    async def ask(self, terminal: BankTerminal, request: Message, mac: bool = True) -> Reply:
        """Send *request*, with a MAC unless the dialect gives it none, and judge what comes back."""
        request = replace(request, header=self.settings.header, tpdu=self.settings.tpdu)
        frame = encode(request) if not mac else encode_signed(request, lambda data: self._mac(terminal, data))
        try:
            raw = await self._frames.exchange(self.settings.peer, frame, self.settings.limit_s)
        except NotSent:
            return Reply(fault="unsent")
        except NoAnswer:
            return Reply(fault="no-reply")
        try:
            message = decode(raw)
        except WireError:
            return Reply(fault="reply-unreadable")
        self._take_hints(terminal, message)
        if mac and not self._is_authentic(terminal, message, signed_part(raw)):
            terminal.key_refused = True
            return Reply(fault="reply-mac")
        fault = self._fault_of(request, message, mac)
        return Reply(fault=fault) if fault else Reply(message)

    @staticmethod
    def _take_hints(terminal: BankTerminal, message: Message) -> None:
        wanted = response(message.get(39)).action is Action.SIGN_IN
        if message.mti != "0810" and (wanted or message.header.sign_in_again):
            terminal.key_refused = True

    def _mac(self, terminal: BankTerminal, data: bytes) -> bytes:
        return self.module.mac(terminal.number, terminal.keys, data)

    @staticmethod
    def _fault_of(request: Message, message: Message, mac: bool) -> str:
        wanted = f"{request.mti[:2]}{int(request.mti[2]) + 1}0"
        if message.mti != wanted or 39 not in message:
            return "reply-reference"
        if any(message.get(each) != request[each] for each in _ECHOED if each in request and each in message):
            return "reply-reference"
        if not {11, 41, 42} <= message.fields.keys():
            return "reply-reference"
        if mac and message.get(60)[2:8] != request[60][2:8]:
            return "reply-reference"
        return ""

    def _is_authentic(self, terminal: BankTerminal, message: Message, data: bytes) -> bool:
        if MAC_FIELD not in message:
            return False
        found = bytes.fromhex(message[MAC_FIELD])
        return self.module.mac_is_right(terminal.number, terminal.keys, data, found)

    # Sign-in.

    def needs_sign_in(self, terminal: BankTerminal) -> bool:
        """True when the terminal has no keys of today, or was told to take new ones."""
        today = self.settings.cut_over.day(self.clock.now())
        return not terminal.keys or terminal.key_refused or terminal.signed_day < today

    async def sign_in(self, terminal: BankTerminal) -> None:
        """New working keys, unless the present ones are good. Raises :class:`BankUnavailable`."""
        if not self.needs_sign_in(terminal):
            return
        day = self.settings.cut_over.day(self.clock.now())
        trace = terminal.next_trace()
        await self.commit([terminal.write()])
        origin = messages.Origin.of(terminal.reference(trace), terminal.merchant)
        reply = await self.ask(terminal, messages.sign_in(origin), mac=False)
        if reply.message is None or reply.code != APPROVED:
            raise BankUnavailable(f"terminal {terminal.number} cannot sign in: {reply.fault or reply.code}")
        self._accept(terminal, reply.message, f"{terminal.batch_text}{trace:06d}", day)
        await self.commit([terminal.write()])

    def _accept(self, terminal: BankTerminal, message: Message, version: str, day: str) -> None:
        try:
            keys = message.get(62)
            self.module.accept(terminal.number, keys)
            batch = int(TypeAndBatch.of(message.get(60)).batch)
        except (KeysRefused, WireError) as error:
            raise BankUnavailable(f"terminal {terminal.number} cannot sign in: {error}") from None
        if batch < max(terminal.batch, 1):
            raise BankUnavailable(f"terminal {terminal.number}: the bank is at an earlier batch than we are")
        if terminal.batch == 0:
            terminal.batch = batch  # the first sign-in ever: its own trace belongs to that batch
        elif batch > terminal.batch:
            terminal.begin_batch(batch)
        terminal.keys, terminal.key_version, terminal.signed_day = keys, version, day
        terminal.key_refused = False

    async def pin_key(self, terminal_id: str) -> PinKey:
        """The PIN key for a kiosk's keypad, under its master key. Signs in when that is due.

        Raises :class:`BankUnavailable`, NoBankTerminal.
        """
        terminal = self.terminals.at(terminal_id)
        if self.needs_sign_in(terminal):
            async with terminal.lock:
                await self.sign_in(terminal)
        keys = self.module.accept(terminal.number, terminal.keys)
        return PinKey(
            cipher=keys.pin.cipher.hex().upper(),
            check_value=keys.pin.check.hex().upper(),
            version=terminal.key_version,
        )
