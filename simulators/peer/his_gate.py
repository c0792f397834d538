"""Who may speak to the HIS at all: signature, time and nonce of a request, whatever its wire.

Nonces are kept in memory for as long as the window is open. A HIS that was restarted does not know those of before; every operation
that changes something is idempotent, so a copy that comes after a restart changes nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from protocols.wire.his.refusals import NONCE_USED, Refused

__all__ = ["Gate", "Proof"]

MOST_NONCE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request says of itself. ``timestamp`` in Unix seconds as it was sent; ``digest`` of all of it."""

    institution: str
    timestamp: str
    nonce: str
    genuine: bool
    digest: str


class Gate:
    """*window_s*: how far a timestamp may be off."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._nonces: dict[str, str] = {}
        self._order: deque[tuple[float, str]] = deque()

    def check(self, proof: Proof, now: float) -> None:
        """Raises :class:`Refused`. A copy of a request that the network made is refused under ``nonce-used`` without a place,
        another request under the same nonce with one."""
        if not proof.genuine:
            raise Refused("signature-wrong")
        stamp = proof.timestamp
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise Refused("signature-wrong", "timestamp")
        if not (8 <= len(proof.nonce) <= MOST_NONCE_CHARACTERS and proof.nonce.isascii()):
            raise Refused("signature-wrong", "nonce")
        if abs(int(stamp) - now) > self._window_s:
            raise Refused("clock-skew")
        name = f"{proof.institution} {proof.nonce}"
        known = self._nonces.get(name)
        if known is not None:
            raise Refused(NONCE_USED, "" if known == proof.digest else "another request has it")
        self._remember(name, proof.digest, int(stamp), now)

    def _remember(self, name: str, digest: str, stamp: int, now: float) -> None:
        self._nonces[name] = digest
        self._order.append((stamp, name))
        while self._order and self._order[0][0] + 4 * self._window_s < now:
            self._nonces.pop(self._order.popleft()[1], None)
