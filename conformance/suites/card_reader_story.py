"""Card reader: a story, line by line, against the model of where the card must be (``conformance/stateful_model.py``).

Without a story in the plan, a day in the life of a reader is told. A counterexample that the search found
(``conformance/stateful.py``) comes back here through ``story`` in its plan file.
"""

from __future__ import annotations

from conformance.roles.card_reader import HandUnable, ReaderTester
from conformance.roles.card_reader_view import ReaderStep, ReaderView
from conformance.stateful_model import LINES, ReaderModel
from conformance.suites.card_reader_acts import (
    INTAKE_S,
    SELECT_SSSE,
    await_power,
    command,
    is_in,
    is_out,
    special,
    watch,
)
from conformance.suites.card_reader_words import ReaderCheck
from protocols.wire.base import Label
from protocols.wire.card_reader import Media, Op, Place, Reply, Request

__all__ = ["COMMANDS", "PLACES", "Story", "checked_lines", "perform"]

SHOW_S = 3.0
"""How long an action of a hand that answers is given to show on the reader."""

PLACES = ("gate", "ic", "rf", "eject", "capture")

COMMANDS: dict[str, Request] = {
    "entry on": Request(Op.ENTRY, enabled=True),
    "entry off": Request(Op.ENTRY, enabled=False),
    "reset": Request(Op.CHIP_ON),
    "apdu": Request(Op.CHIP_APDU, data=SELECT_SSSE),
    "chip off": Request(Op.CHIP_OFF),
    "initialise": Request(Op.INITIALISE, place=Place.STAY),
    **{f"move {place}": Request(Op.MOVE, place=Place(place)) for place in PLACES},
}

A_DAY = (
    "entry on",
    "insert 3.0",
    "move ic",
    "reset",
    "apdu",
    "chip off",
    "apdu",
    "move gate",
    "remove",
    "entry on",
    "insert 2.0",
    "move rf",
    "power",
    "initialise",
    "move eject",
    "remove",
)


def checked_lines(lines: object) -> tuple[str, ...]:
    """The lines of a story. Raises ValueError for one that is not known, naming the known ones."""
    told = tuple(str(each) for each in lines) if isinstance(lines, list | tuple) else ()
    unknown = [each for each in told if each not in LINES]
    if unknown:
        raise ValueError(f"no story line {unknown[0]!r}; known: {', '.join(LINES)}")
    return told


async def perform(t: ReaderTester, line: str) -> tuple[Reply | None, Reply]:
    """Do one line of a story. Gives the answer to its command (None for what a hand does), and the status after it.

    Raises :class:`HandUnable` when a hand that does not answer leaves no sign.
    """
    request = COMMANDS.get(line)
    if request is not None:
        reply = await command(t, request)
        return reply, await command(t, Request(Op.STATUS))
    if line == "power":
        await t.act("poweroff")
        await t.pause(0.5)
        await t.act("poweron")
        return None, await await_power(t)
    status = await t.act(line)
    limit_s = SHOW_S if status == "done" else None
    if line.startswith("insert"):
        seen = await watch(t, is_in, limit_s)
        if seen.ok and seen.media is Media.GATE:
            seen = await watch(t, lambda each: each.media is not Media.GATE, INTAKE_S)
        if status != "done" and is_out(seen):
            raise HandUnable(line, "no card seen")
        return None, seen
    if line == "remove":
        seen = await watch(t, lambda each: is_out(each) or not each.ok or each.media is not Media.GATE, limit_s)
        if status != "done" and not is_out(seen):
            raise HandUnable(line, "the card is still there")
        return None, seen
    special(line, status)
    return None, await command(t, Request(Op.STATUS))


def answers_of(step: ReaderStep, line: str) -> tuple[Reply | None, Reply]:
    """The answer to the line's command, and the last status of the step."""
    request = COMMANDS.get(line)
    reply = None if request is None else step.only(request.op).reply
    return reply, step.only(Op.STATUS).reply


class Story(ReaderCheck):
    """DG-CXC-09, DG-CXC-12, BJ-INS-02: a status that disagrees with what was done to the card would break it."""

    id = "reader.story"
    title = Label("按故事逐步操作，状态始终与卡的位置一致", "a story, and a status that is true after each line")
    clauses = ("DG-CXC-09", "DG-CXC-12", "BJ-INS-02")
    hand = ("insert", "remove", "poweroff", "poweron")
    needs = ("reader.motorised", "reader.contact")
    kills = ("reader.eject-noop", "reader.power-forgets-card", "reader.chip-answers-off", "reader.hold-pulls-in")
    source = "spec/devices.md 12; a story in the plan is a saved counterexample"

    async def drive(self, t: ReaderTester) -> None:
        for number, line in enumerate(checked_lines(t.facts.get("story")) or A_DAY, 1):
            with t.step(f"line.{number:03d}", line=line):
                await perform(t, line)

    def judge(self, v: ReaderView) -> None:
        model = ReaderModel(v.dialect.rules.host_ack, v.facts.get("parameters") or {})
        for step in v.each("line.*"):
            line = str(step.note["line"])
            wrong = model.follow(line, *answers_of(step, line))
            v.must(
                not wrong, f"“{line}”之后与模型一致 {wrong or ''}".strip(), wrong[0] if wrong else f"did {line!r}", step
            )
            if wrong:
                break  # from here on the model knows nothing
