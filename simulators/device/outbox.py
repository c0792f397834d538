"""How a device's bytes reach the line: at once, or with the seeded tricks of a legal but nasty device."""

from __future__ import annotations

from protocols.seeded import SeededChoice

__all__ = ["HostileOutbox", "Outbox"]


class Outbox:
    """Bytes on their way to the link, in order. The plain one has no tricks."""

    def __init__(self) -> None:
        self._waiting = b""

    def emit(self, raw: bytes, now: float) -> None:
        self._waiting += raw

    def take(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return waiting

    def deadline(self) -> float | None:
        """When :meth:`take` has something that it holds back now."""
        return None

    def clear(self) -> None:
        self._waiting = b""

    def advance(self, now: float) -> None:
        """The time is *now*: what was held back until then may go."""

    def refuses_once(self) -> bool:
        """True: answer this good command with NAK; the host has to send it again."""
        return False

    def acknowledges_late(self) -> bool:
        return False


class HostileOutbox(Outbox):
    """Noise before frames, frames in pieces, late ACKs, one NAK before an ACK: all inside what the document allows.

    Gaps stay far below the resynchronisation time of 100 ms; noise holds no start byte and no control byte.
    """

    GAP_S = 0.01
    _SAFE_NOISE = bytes((0xFF, 0x00, 0xAA, 0x55, 0x7E))

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._choice = SeededChoice(seed, "hostile line")
        self._chunks: list[tuple[float, bytes]] = []
        self._now = 0.0
        self._just_refused = False

    def emit(self, raw: bytes, now: float) -> None:
        self._now = max(self._now, now)
        due = max(now, self._chunks[-1][0] if self._chunks else now)
        if len(raw) > 1 and not self._choice.below(4):
            raw = bytes(self._SAFE_NOISE[self._choice.below(5)] for _ in range(1 + self._choice.below(3))) + raw
        glued = not self._choice.below(2)
        if self._chunks and glued:
            raw = self._chunks.pop()[1] + raw
        if len(raw) > 2 and not self._choice.below(3):
            cut = 1 + self._choice.below(len(raw) - 1)
            self._chunks += [(due, raw[:cut]), (due + self.GAP_S, raw[cut:])]
        else:
            self._chunks.append((due, raw))

    def take(self) -> bytes:
        if self._chunks and self._chunks[0][0] <= self._now:
            return self._chunks.pop(0)[1]
        return b""

    def deadline(self) -> float | None:
        return self._chunks[0][0] if self._chunks else None

    def clear(self) -> None:
        self._chunks.clear()

    def advance(self, now: float) -> None:
        self._now = max(self._now, now)

    def refuses_once(self) -> bool:
        self._just_refused = not self._just_refused and not self._choice.below(8)
        return self._just_refused

    def acknowledges_late(self) -> bool:
        return not self._choice.below(8)
