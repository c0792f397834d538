"""PC/SC as blocking calls: contexts on any daemon, one session a card. ``pcsc.py`` puts limits around this.

libpcsclite reads PCSCLITE_CSOCK_NAME once in the life of a process (measured: a later change has no effect). So that
one process can speak to several daemons, the library is told a name under /proc/self/fd once; whichever socket that
descriptor stands for, when a context is established, is the daemon of this context. Nothing is written to disk.
"""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable
from typing import Any

from protocols.link.base import LinkClosed, LinkError, LinkTimeout

__all__ = ["PcscSession", "card_present", "list_readers"]

SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
DEFAULT_SOCKET = "/run/pcscd/pcscd.comm"

_CONTROL_LOOKALIKES = frozenset({b"\x00", b"\x01", b"\x02", b"\x04"})
LARGEST_APDU_BYTES = 65_535
SHORTEST_ATR_BYTES = 2
NO_READERS, PROTOCOL_MISMATCH = 0x8010_002E, 0x8010_000F

# The library keeps the reader states of the last daemon asked in one global table: calls that use it take turns.
_states_lock = threading.Lock()
_door_lock = threading.Lock()
_door: list[int] = []
"""The descriptor that stands for the daemon's socket; empty until the first context."""

MEANINGS: dict[int, tuple[type[LinkError], str]] = {
    0x8010_0003: (LinkClosed, "the connection to pcscd is gone (was it restarted?): power the card on again"),
    0x8010_0009: (LinkError, "pcscd knows no such reader"),
    0x8010_000B: (LinkError, "another program holds this reader: stop it"),
    0x8010_000C: (LinkClosed, "there is no card in the reader"),
    PROTOCOL_MISMATCH: (LinkError, "the card's ATR offers no protocol that the reader speaks"),
    0x8010_0013: (LinkClosed, "pcscd went away"),
    0x8010_0016: (LinkClosed, "the card failed or was taken out during the exchange: power it on again"),
    0x8010_0017: (LinkClosed, "the reader was unplugged"),
    0x8010_001D: (LinkClosed, "pcscd does not run, or was restarted: start it, then power the card on again"),
    0x8010_001E: (LinkClosed, "pcscd was stopped"),
    NO_READERS: (LinkError, "pcscd has no reader: plug one in, or check its driver"),
    0x8010_0066: (LinkTimeout, "the card does not answer to reset"),
    0x8010_0067: (LinkClosed, "the card has no power: power it on again"),
    0x8010_0068: (LinkClosed, "another program reset the card: power it on again"),
    0x8010_0069: (LinkClosed, "the card was taken out"),
    0x8010_006A: (LinkError, "this user may not use pcscd: allow it in polkit, or run as root"),
}

DAEMON_GONE = frozenset({0x8010_0003, 0x8010_0013, 0x8010_001D, 0x8010_001E})


@functools.cache
def _library() -> Any:
    """pyscard's thin layer over libpcsclite, loaded when it is first needed. It has no types."""
    try:
        return importlib.import_module("smartcard.scard")
    except (ImportError, OSError) as error:
        raise LinkError(
            f"PC/SC needs the Python package pyscard and libpcsclite ({error}): "
            "apt-get install libpcsclite1 libpcsclite-dev gcc pkg-config, then pip install 'onecard-hil[pcsc]'"
        ) from error


def _demand(result: int, what: str) -> None:
    if result:
        code = result & 0xFFFF_FFFF
        kind, meaning = MEANINGS.get(code, (LinkError, "see SCardGetErrorMessage"))
        raise kind(f"{what}: {meaning} (PC/SC {code:08X})")


def _socket_of(socket: str | None) -> str:
    return socket or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET


def _establish(socket: str | None) -> int:
    """A context on the daemon behind *socket*."""
    scard = _library()
    path = _socket_of(socket)
    with _door_lock:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            raise LinkError(f"no pcscd behind {path} ({error.strerror}): start it (apt-get install pcscd)") from error
        if _door:
            os.dup2(target, _door[0], inheritable=False)
            os.close(target)
            result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        else:
            _door.append(target)
            before = os.environ.get(SOCKET_VARIABLE)
            os.environ[SOCKET_VARIABLE] = f"/proc/self/fd/{target}"
            try:
                result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
            finally:
                if before is None:
                    del os.environ[SOCKET_VARIABLE]
                else:
                    os.environ[SOCKET_VARIABLE] = before
    _demand(result, f"pcscd behind {path}")
    return context


def _in_context(socket: str | None, work: Callable[[Any, int], Any]) -> Any:
    context = _establish(socket)
    try:
        return work(_library(), context)
    finally:
        _library().SCardReleaseContext(context)


def _readers(scard: Any, context: int) -> list[str]:
    with _states_lock:
        result, readers = scard.SCardListReaders(context, [])
    if result & 0xFFFF_FFFF == NO_READERS:
        return []
    _demand(result, "list of readers")
    return list(readers)


def _state(scard: Any, context: int | None, reader: str) -> Any:
    """What the reader of that exact name shows now: name, event state, ATR."""
    with _states_lock:
        result, states = scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)])
    _demand(result, reader)
    return states[0]


def list_readers(socket: str | None = None) -> list[str]:
    """Names of the readers of the daemon behind *socket* (default: the environment's, then the system's)."""
    return _in_context(socket, _readers)


def card_present(reader: str, socket: str | None = None) -> bool:
    """True when the reader of that exact name shows a card. Raises LinkError for a reader that is not there."""

    def look(scard: Any, context: int) -> bool:
        return bool(_state(scard, context, reader)[1] & scard.SCARD_STATE_PRESENT)

    return _in_context(socket, look)


def choose_reader(wanted: str, readers: list[str]) -> str:
    """The reader that *wanted* names, whole or in part; the first one for an empty text."""
    found = [name for name in readers if name == wanted] or [name for name in readers if wanted in name]
    if not found:
        raise LinkError(f"no reader {wanted!r}; pcscd has: {', '.join(readers) or 'none'}")
    if wanted and len(found) > 1:
        raise LinkError(f"reader {wanted!r} fits several: {', '.join(found)}; write the whole name")
    return found[0]


class PcscSession:
    """One card in one reader. Blocking, without limits, one thread at a time."""

    def __init__(self, reader: str, socket: str | None = None, exclusive: bool = False) -> None:
        scard = _library()
        self._scard = scard
        self._share = scard.SCARD_SHARE_EXCLUSIVE if exclusive else scard.SCARD_SHARE_SHARED
        self._protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        self._context: int | None = _establish(socket)
        self._card: int | None = None
        self._pci: Any = None
        self.lost = False
        """True when the daemon of this context has gone: a new session is needed."""
        try:
            self.reader = choose_reader(reader, _readers(scard, self._context))
        except LinkError:
            self.close()
            raise

    def power_on(self, warm: bool = False) -> bytes:
        """Reset the card and give its ATR. The power is taken away in between unless *warm*."""
        scard = self._scard
        if self._card is None:
            result, self._card, _ = scard.SCardConnect(self._context, self.reader, self._share, self._protocols)
            if result:
                self._card = None
                self._refuse_mute(result)
            self._check(result)
        how = scard.SCARD_RESET_CARD if warm else scard.SCARD_UNPOWER_CARD
        result, protocol = scard.SCardReconnect(self._card, self._share, self._protocols, how)
        self._check(result)
        self._pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
        with _states_lock:
            result, _, _, _, atr = scard.SCardStatus(self._card)
        self._check(result)
        if not atr:
            raise LinkTimeout(f"{self.reader}: the card does not answer to reset")
        return bytes(atr)

    def _refuse_mute(self, result: int) -> None:
        """pcscd calls a card without a usable ATR a protocol mismatch: say what is really wrong."""
        if result & 0xFFFF_FFFF == PROTOCOL_MISMATCH:
            atr = bytes(_state(self._scard, self._context, self.reader)[2])
            if len(atr) < SHORTEST_ATR_BYTES:
                raise LinkTimeout(f"{self.reader}: the card does not answer to reset")

    def transmit(self, apdu: bytes) -> bytes:
        """One exchange. The answer may be a single byte: whoever needs a status word checks for it.

        Raises LinkError for an APDU that would never come back, LinkClosed when the card goes in the middle of it.
        """
        if apdu in _CONTROL_LOOKALIKES:
            raise LinkError(f"the one-byte APDU {apdu.hex().upper()} is a control of the vpcd protocol: never answered")
        if not 0 < len(apdu) <= LARGEST_APDU_BYTES:
            raise LinkError(f"an APDU of {len(apdu)} bytes cannot be sent; 1 to {LARGEST_APDU_BYTES} can")
        if self._card is None:
            raise LinkClosed(f"{self.reader}: the card has no power: power it on first")
        result, answer = self._scard.SCardTransmit(self._card, self._pci, list(apdu))
        if result:
            self._check(result)
        if not answer:
            self._drop(self._scard.SCARD_LEAVE_CARD)
            raise LinkClosed(f"{self.reader}: the card went away in the middle of a command")
        return bytes(answer)

    def power_off(self) -> None:
        self._drop(self._scard.SCARD_UNPOWER_CARD)

    def close(self) -> None:
        self._drop(self._scard.SCARD_UNPOWER_CARD)
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
            self._context = None

    def _check(self, result: int) -> None:
        """Raise what *result* means. A card that is gone is let go of, so that the next one can be powered on."""
        try:
            _demand(result, self.reader)
        except LinkError:
            self.lost = result & 0xFFFF_FFFF in DAEMON_GONE
            self._drop(self._scard.SCARD_LEAVE_CARD)
            raise

    def _drop(self, how: int) -> None:
        if self._card is not None:
            card, self._card = self._card, None
            self._scard.SCardDisconnect(card, how)
