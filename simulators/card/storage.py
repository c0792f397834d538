"""Non-volatile memory of a virtual chip, with a journal: a command's writes are kept all together or not at all."""

from __future__ import annotations

from simulators.card.base import PowerLost

__all__ = ["Memory"]


class Memory:
    """Named cells of bytes. Writes wait in a journal until :meth:`commit`; a torn command leaves the old state.

    ``tear_after(n)`` makes the n-th write from now raise :class:`PowerLost`; the commit mark counts as one write.
    """

    def __init__(self) -> None:
        self._cells: dict[str, bytes] = {}
        self._journal: dict[str, bytes] = {}
        self._writes_left: int | None = None

    def tear_after(self, writes: int) -> None:
        """Let the supply fail in the *writes*-th write from now (1 is the next one). Raises ValueError below 1."""
        if writes < 1:
            raise ValueError("tear_after counts from 1: the next write")
        self._writes_left = writes

    def keep_power(self) -> None:
        """Undo :meth:`tear_after`."""
        self._writes_left = None

    def read(self, cell: str) -> bytes:
        """The newest value, committed or not; empty for a cell that was never written."""
        value = self._journal.get(cell)
        return self._cells.get(cell, b"") if value is None else value

    def read_number(self, cell: str) -> int:
        return int.from_bytes(self.read(cell), "big")

    def write(self, cell: str, value: bytes) -> None:
        self._burn()
        self._journal[cell] = value

    def write_number(self, cell: str, value: int) -> None:
        self.write(cell, value.to_bytes(4, "big"))

    def commit(self) -> None:
        """Make the journal's writes permanent, in one step."""
        if not self._journal:
            return
        self._burn()
        self._cells.update(self._journal)
        self._journal.clear()

    def rollback(self) -> None:
        """Forget what was not committed: what a chip does when its supply returns."""
        self._journal.clear()

    def personalise(self, cells: dict[str, bytes]) -> None:
        """Write permanently without the journal: what the issuer did before the card left the factory."""
        self._cells.update(cells)

    def _burn(self) -> None:
        if self._writes_left is None:
            return
        self._writes_left -= 1
        if self._writes_left == 0:
            self._writes_left = None
            raise PowerLost("supply failed while the chip wrote its memory")
