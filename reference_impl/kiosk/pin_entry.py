"""The seam to the PIN pad, and what the kiosk does with it: keys of the platform in, enciphered PIN blocks out.

The clear PIN of a bank card never leaves the pad. The PIN of a social security card does, for it goes to the card: it is
typed in the pad's plain mode, so that nobody types a PIN on the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from protocols.link.base import LinkError
from protocols.wire.base import WireError
from reference_impl.kiosk.business.words import BlockEntered, Broken, PadCancelled, PadTimedOut
from reference_impl.kiosk.business.works import PinBlock
from reference_impl.kiosk.platform import Platform

__all__ = ["MASTER", "SLOT", "Keypad", "PinCancelled", "PinEntry", "PinTimedOut"]

MASTER, SLOT = 0, 0
"""The terminal's master key in the pad, and the place of the PIN key under it."""

CARD_PIN = range(4, 13)
BANK_PIN_DIGITS = 6
ABORT_LIMIT_S = 2.0


class PinCancelled(Exception):
    """The citizen pressed cancel."""


class PinTimedOut(Exception):
    """No key came in time."""


OnKey = Callable[[int], None]
"""Hears how many digits stand there, after every key."""


class PinEntry(Protocol):
    """A PIN pad. Calls raise LinkError and its kinds; the two entries also :class:`PinCancelled` and
    :class:`PinTimedOut`."""

    async def initialise(self) -> None: ...

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
    """A pad with the platform that has its keys. ``entered`` is how many digits stand there, for the stars on the screen;
    ``on_key`` is called after each key."""

    def __init__(self, pad: PinEntry, platform: Platform) -> None:
        self._pad, self._platform = pad, platform
        self._initialised = False
        self._key_version = ""
        self.entered = 0
        self.on_key: Callable[[], None] = lambda: None

    async def block_of(
        self, pan: str, limit_s: float, fresh_key: bool
    ) -> BlockEntered | PadCancelled | PadTimedOut | Broken:
        """One PIN of *pan*, enciphered under the platform's newest key. Raises PlatformRefused and PlatformSilent where
        that key cannot be had. Cancelled from outside, it closes the pad's keys."""
        try:
            if not await self._prepared(fresh_key):
                return Broken("keypad-key", "the pad's master key is not the one that the platform knows")
            async with self._open_keys():
                block = await self._pad.enter_pin(
                    pan, least=BANK_PIN_DIGITS, most=BANK_PIN_DIGITS, limit_s=limit_s, on_key=self._count
                )
        except PinCancelled:
            return PadCancelled()
        except PinTimedOut:
            return PadTimedOut()
        except (LinkError, WireError) as error:
            self._initialised, self._key_version = False, ""
            return Broken("keypad", str(error))
        return BlockEntered(PinBlock(block, self._key_version))

    async def card_pin(self, limit_s: float) -> str | None:
        """The PIN of a social security card; None when the citizen gave up. Raises LinkError and its kinds."""
        try:
            await self._initialise()
            async with self._open_keys():
                return await self._pad.enter_text(
                    least=CARD_PIN[0], most=CARD_PIN[-1], limit_s=limit_s, on_key=self._count
                )
        except (PinCancelled, PinTimedOut):
            return None
        except (LinkError, WireError):
            self._initialised, self._key_version = False, ""
            raise

    def renew(self) -> None:
        """Ask for the platform's key anew before the next PIN."""
        self._key_version = ""

    async def aclose(self) -> None:
        await self._pad.aclose()

    async def _initialise(self) -> None:
        if not self._initialised:
            await self._pad.initialise()
            self._initialised = True

    async def _prepared(self, fresh_key: bool) -> bool:
        """Load the PIN key where there is none, or an old one. False where the pad deciphers it to another key."""
        await self._initialise()
        if fresh_key or not self._key_version:
            key = await self._platform.pin_key()
            check = await self._pad.load_work_key(MASTER, SLOT, bytes.fromhex(key.cipher))
            wanted = bytes.fromhex(key.check_value)
            shorter = min(len(check), len(wanted))
            if not shorter or check[:shorter] != wanted[:shorter]:
                self._key_version = ""
                return False
            self._key_version = key.version
        await self._pad.activate(MASTER, SLOT)
        return True

    @asynccontextmanager
    async def _open_keys(self) -> AsyncIterator[None]:
        """Whatever ends the entry from outside, the keys are closed and the stars gone."""
        self.entered = 0
        try:
            yield
        except asyncio.CancelledError:
            with contextlib.suppress(LinkError, WireError, TimeoutError):
                async with asyncio.timeout(ABORT_LIMIT_S):
                    await self._pad.abort()
            raise
        finally:
            self.entered = 0

    def _count(self, digits: int) -> None:
        self.entered = digits
        self.on_key()
