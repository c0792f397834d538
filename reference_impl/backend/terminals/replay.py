"""Against replay: the nonces that were used. In memory, bounded, pure."""

from __future__ import annotations

__all__ = ["MemoryFull", "Nonces"]

BUCKET_S = 60


class MemoryFull(Exception):
    """No nonce can be remembered any more. None is forgotten before its time either: the request is refused."""


class Nonces:
    """Remembers each nonce for as long as its timestamp is inside the window of *window_s*."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most, self._window_s = most, window_s
        self._buckets: dict[int, set[str]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def take(self, nonce: str, timestamp: int, now: float) -> bool:
        """False when it was taken before. A replay bears the same timestamp, or its MAC would be wrong.

        Raises :class:`MemoryFull`.
        """
        bucket = self._buckets.get(timestamp // BUCKET_S)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets.setdefault(timestamp // BUCKET_S, set())
        if nonce in bucket:
            return False
        if self._count >= self._most:
            self._forget(now)
            if self._count >= self._most:
                raise MemoryFull
        bucket.add(nonce)
        self._count += 1
        return True

    def _forget(self, now: float) -> None:
        """Buckets whose last second is outside the window."""
        for number in [each for each in self._buckets if (each + 1) * BUCKET_S + self._window_s < now]:
            self._count -= len(self._buckets.pop(number))
