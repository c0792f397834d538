"""The seam to the PIN pad, and what the kiosk does with it: keys of the platform in, enciphered PIN blocks out.

The clear PIN of a bank card never leaves the pad. The PIN of a social security card does, for it goes to the card: it is
typed in the pad's plain mode, so that nobody types a PIN on the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from protocols.driver.pin_pad import PinCancelled, PinTimedOut
from protocols.link.base import LinkError
from protocols.wire.base import WireError
from reference_impl.kiosk.business.words import BlockEntered, Broken, PadCancelled, PadTimedOut
from reference_impl.kiosk.business.works import PinBlock
from reference_impl.kiosk.platform import Platform

__all__ = ["MASTER", "SLOT", "Keypad", "PinEntry"]

MASTER, SLOT = 0, 0
"""The terminal's master key in the pad, and the place of the PIN key under it."""

CARD_PIN = range(4, 13)
BANK_PIN_DIGITS = 6
ABORT_LIMIT_S = 2.0


OnKey = Callable[[int], None]
"""Hears how many digits stand there, after every key."""


class PinEntry(Protocol):
    """The calls of protocols/driver/pin_pad.py. They raise LinkError and its kinds; the two entries also PinCancelled and
    PinTimedOut."""

    async def initialise(self) -> str: ...

    async def load_work_key(self, master: int, slot: int, cipher: bytes) -> bytes:
        """Gives the pad's key check value of what it deciphered."""
        ...

    async def activate(self, master: int, slot: int) -> None: ...

    async def enter_pin(self, pan: str, *, least: int, most: int, limit_s: float, on_key: OnKey) -> bytes:
        """The enciphered PIN block, 8 bytes."""
        ...

    async def enter_text(self, *, least: int, most: int, limit_s: float, on_key: OnKey) -> str:
        """Digits in the clear."""
        ...

    async def abort(self) -> None:
        """Close the keys, whatever was being entered."""
        ...

    async def aclose(self) -> None: ...


class Keypad:
    """A pad with the platform that has its keys. *open_pad* opens its line: when it is first wanted, and again after it broke.

    ``entered`` is how many digits stand there, for the stars on the screen; ``on_key`` is called after each key.
    """

    def __init__(self, open_pad: Callable[[], Awaitable[PinEntry]], platform: Platform) -> None:
        self._open_pad, self._platform = open_pad, platform
        self._pad: PinEntry | None = None
        self._key_version = ""
        self.entered = 0
        self.on_key: Callable[[], None] = lambda: None

    async def block_of(
        self, pan: str, limit_s: float, fresh_key: bool
    ) -> BlockEntered | PadCancelled | PadTimedOut | Broken:
        """One PIN of *pan*, enciphered under the platform's newest key. Raises PlatformRefused and PlatformSilent where
        that key cannot be had. Cancelled from outside, it closes the pad's keys."""
        try:
            pad = await self._ready_pad()
            if not await self._has_key(pad, fresh_key):
                return Broken("keypad-key", "the pad's master key is not the one that the platform knows")
            async with self._open_keys(pad):
                block = await pad.enter_pin(
                    pan, least=BANK_PIN_DIGITS, most=BANK_PIN_DIGITS, limit_s=limit_s, on_key=self._count
                )
        except PinCancelled:
            return PadCancelled()
        except PinTimedOut:
            return PadTimedOut()
        except (LinkError, WireError) as error:
            await self._drop_pad()
            return Broken("keypad", str(error))
        return BlockEntered(PinBlock(block, self._key_version))

    async def card_pin(self, limit_s: float) -> str | None:
        """The PIN of a social security card; None when the citizen gave up. Raises LinkError and its kinds."""
        try:
            pad = await self._ready_pad()
            async with self._open_keys(pad):
                return await pad.enter_text(least=CARD_PIN[0], most=CARD_PIN[-1], limit_s=limit_s, on_key=self._count)
        except (PinCancelled, PinTimedOut):
            return None
        except (LinkError, WireError):
            await self._drop_pad()
            raise

    def renew(self) -> None:
        """Ask for the platform's key anew before the next PIN."""
        self._key_version = ""

    async def aclose(self) -> None:
        pad, self._pad = self._pad, None
        if pad is not None:
            await pad.aclose()

    async def _ready_pad(self) -> PinEntry:
        """The pad, after its self-test where the line was opened just now."""
        if self._pad is None:
            pad = await self._open_pad()
            try:
                await pad.initialise()
            except (LinkError, WireError):
                await pad.aclose()
                raise
            self._pad = pad
        return self._pad

    async def _drop_pad(self) -> None:
        """What went wrong may be the line: the next time opens it anew, and loads the key again."""
        self._key_version = ""
        with contextlib.suppress(LinkError):
            await self.aclose()

    async def _has_key(self, pad: PinEntry, fresh_key: bool) -> bool:
        """Load the PIN key where there is none, or an old one. False where the pad deciphers it to another key."""
        if fresh_key or not self._key_version:
            self._key_version = ""
            key = await self._platform.pin_key()
            check = await pad.load_work_key(MASTER, SLOT, bytes.fromhex(key.cipher))
            wanted = bytes.fromhex(key.check_value)
            shorter = min(len(check), len(wanted))
            if not shorter or check[:shorter] != wanted[:shorter]:
                return False
            self._key_version = key.version
        await pad.activate(MASTER, SLOT)
        return True

    @asynccontextmanager
    async def _open_keys(self, pad: PinEntry) -> AsyncIterator[None]:
        """Whatever ends the entry from outside, the keys are closed and the stars gone."""
        self.entered = 0
        try:
            yield
        except asyncio.CancelledError:
            try:
                async with asyncio.timeout(ABORT_LIMIT_S):
                    await pad.abort()
            except (LinkError, WireError, TimeoutError):
                await self._drop_pad()
            raise
        finally:
            self.entered = 0

    def _count(self, digits: int) -> None:
        self.entered = digits
        self.on_key()
