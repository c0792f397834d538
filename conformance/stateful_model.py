"""A simple model of a card reader: where the card must be after each line of a story, within the open readings. Pure.

A story is a list of lines such as ``entry on``, ``insert 3.0``, ``move ic``, ``reset``, ``apdu``, ``remove``, ``jam``,
``clear-jam``, ``power``, ``initialise``. After each line the status is asked; the model compares both answers with what
may be, and follows the device wherever the documents allow more than one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocols.wire.card_reader import Error, Media, Place, Reply

__all__ = ["LINES", "ReaderModel"]

LINES: tuple[str, ...] = (
    "entry on",
    "entry off",
    "insert 1.0",
    "insert 2.0",
    "insert 3.0",
    "remove",
    "move gate",
    "move ic",
    "move rf",
    "move eject",
    "move capture",
    "reset",
    "apdu",
    "chip off",
    "initialise",
    "jam",
    "clear-jam",
    "power",
)
"""Every line that a story may hold."""

INSIDE = frozenset({Media.INSIDE, Media.IC})
HELD = INSIDE | {Media.GATE}
EMPTY = frozenset({Media.NONE})


@dataclass(slots=True)
class ReaderModel:
    """What is known of the reader. ``where`` are the positions that the status may show; ``entry`` None: unknown.

    ``initialise_first``: nothing works before initialise; *parameters* are the declared readings.
    """

    initialise_first: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    where: frozenset[Media] = EMPTY
    entry: bool | None = False
    chip: bool = False
    jam_armed: bool = False
    jammed: bool = False
    initialised: bool = True
    at_contacts: bool = False
    readiness_open: bool = False
    """An initialise failed: whether the reader still counts as initialised is its own affair."""

    def allows(self, line: str) -> bool:
        """True when *line* makes sense now: a story does not jam an empty path, nor clear what is not jammed."""
        inside = self.where <= INSIDE
        if line == "jam":
            return inside and not self.jammed and not self.jam_armed and self.initialised
        if line == "clear-jam":
            return self.jammed
        return line != "power" or not (self.jammed or self.jam_armed)

    def follow(self, line: str, reply: Reply | None, status: Reply) -> list[str]:
        """Take in the answer to *line* (None for what a hand does) and the status after it. Gives what is wrong."""
        if self.readiness_open and Error.NOT_INITIALISED in (status.error, reply.error if reply else None):
            self.initialised = self.readiness_open = False
        if not self.initialised and line != "initialise" and reply is not None:
            return self._before_initialise(reply, status)
        word, _, rest = line.partition(" ")
        wrong = {
            "entry": self._entry,
            "insert": self._insert,
            "remove": self._remove,
            "move": self._move,
            "reset": self._reset,
            "apdu": self._apdu,
            "chip": self._chip_off,
            "initialise": self._initialise,
            "jam": self._jam,
            "clear-jam": self._clear_jam,
            "power": self._power,
        }[word](rest, reply)
        return wrong + self._see(line, status)

    def _see(self, line: str, status: Reply) -> list[str]:
        """Compare the status with where the card may be, and narrow that down."""
        if not self.initialised:
            return [] if status.error is Error.NOT_INITIALISED else [f"after {line!r}: status works before initialise"]
        if self.jammed:
            if status.ok and status.media is Media.NONE:
                return [f"after {line!r}: an empty path is shown while a card is jammed in it"]
            return []
        if not status.ok or status.media is None:
            return [f"after {line!r}: the status is refused with {status.error}"]
        if status.media not in self.where:
            allowed = "/".join(sorted(self.where))
            return [f"after {line!r}: the card must be {allowed}, the status says {status.media}"]
        self.where = INSIDE if status.media in INSIDE else frozenset({status.media})
        return []

    def _before_initialise(self, reply: Reply, status: Reply) -> list[str]:
        wrong = [] if reply.error is Error.NOT_INITIALISED else ["a command works before initialise"]
        return wrong + ([] if status.error is Error.NOT_INITIALISED else ["the status works before initialise"])

    # One method a word. Each gives what is wrong with the answer, and moves the model on.

    def _entry(self, rest: str, reply: Reply | None) -> list[str]:
        self.entry = rest == "on"
        return [] if reply is not None and reply.ok else ["the entry command is refused"]

    def _insert(self, rest: str, reply: Reply | None) -> list[str]:
        if self.where != EMPTY or self.jammed or not self.initialised:
            return []
        stops = {"gate": frozenset({Media.GATE}), "ic": INSIDE, "rf": INSIDE}
        taken = stops.get(str(self.parameters.get("reader.accept_position")), HELD)
        if self.entry is not False:
            self.where = taken if self.entry else taken | EMPTY
            self.at_contacts = False
            if self.parameters.get("reader.front_entry_after_card") != "stays":
                self.entry = None
        return []

    def _remove(self, rest: str, reply: Reply | None) -> list[str]:
        if self.where == {Media.GATE}:
            self.where = EMPTY
        return []

    def _move(self, rest: str, reply: Reply | None) -> list[str]:
        done, place = reply is not None and reply.ok, Place(rest)
        if self.where == EMPTY:
            return ["a movement without a card succeeds"] if done else []
        if self.jammed:
            return ["a movement of a jammed card succeeds"] if done else []
        if self.chip and reply is not None and reply.error in (Error.CONTACT_NOT_RELEASED, Error.CANNOT_EXECUTE):
            return []
        if self.jam_armed:
            self.jam_armed, self.jammed, self.chip = False, not done, False
            return ["a movement succeeds although the card jams"] if done else []
        if not done:
            return [f"the movement to {place} is refused"]
        self.chip, self.at_contacts = False, place is Place.IC
        self.where = {
            Place.GATE: frozenset({Media.GATE}),
            Place.EJECT: self._ejected(),
            Place.CAPTURE: EMPTY,
        }.get(place, INSIDE)
        return []

    def _ejected(self) -> frozenset[Media]:
        holds = self.parameters.get("reader.eject_holds")
        return (
            frozenset({Media.NONE, Media.GATE}) if holds is None else frozenset({Media.GATE if holds else Media.NONE})
        )

    def _reset(self, rest: str, reply: Reply | None) -> list[str]:
        done = reply is not None and reply.ok
        if self.where == EMPTY and done:
            return ["a chip answers although there is no card"]
        if self.at_contacts and self.where <= INSIDE and not self.jammed and not done:
            return ["the chip at the contacts gives no answer to reset"]
        self.chip = done
        return []

    def _apdu(self, rest: str, reply: Reply | None) -> list[str]:
        done = reply is not None and reply.ok
        if done and not self.chip:
            return ["a chip answers that is not powered"]
        return ["a powered chip does not answer"] if self.chip and not done else []

    def _chip_off(self, rest: str, reply: Reply | None) -> list[str]:
        self.chip = False
        return []

    def _initialise(self, rest: str, reply: Reply | None) -> list[str]:
        done = reply is not None and reply.ok
        self.chip = False
        self.entry = False if self.initialise_first else None
        if self.jammed:
            self.jammed, self.readiness_open = not done, not done
            return []
        self.initialised, self.readiness_open = self.initialised or done, False
        return [] if done else ["initialise is refused"]

    def _jam(self, rest: str, reply: Reply | None) -> list[str]:
        self.jam_armed = True
        return []

    def _clear_jam(self, rest: str, reply: Reply | None) -> list[str]:
        self.jammed, self.where, self.at_contacts = False, HELD, False
        return []

    def _power(self, rest: str, reply: Reply | None) -> list[str]:
        self.initialised, self.chip = not self.initialise_first, False
        self.entry = False if self.initialise_first else None
        rule = self.parameters.get("reader.power_loss")
        if self.where != EMPTY and rule != "kept":
            self.where, self.at_contacts = self.where | {Media.NONE, Media.GATE}, False
        return []
