"""One kiosk of an endurance run: its process, its PIN pad on a real tty, and the citizens who come to it one after the other."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocols.clock import Clock
from protocols.link.pty import open_pty
from protocols.seeded import SeededChoice
from scenarios.forked import Forked, Nursery
from simulators.device.base import Physical
from simulators.device.pin_pad import build_pin_pad
from simulators.device.pin_pad_rules import PinPadOptions
from simulators.host import DeviceHost
from simulators.peer.city import City, Resident, Terminal
from simulators.peer.credential_codes import MINUTE_S, credential_code
from simulators.peer.qr_codes import Behaviour, payment_code

__all__ = ["SAID", "EnduranceKiosk"]

MODULE = "reference_impl.kiosk.__main__"
SAID = {
    "paid": "paid",
    "not_paid": "not-paid",
    "given_back": "not-paid",
    "refunded": "refunded",
    "refund_refused": "paid",
    "uncertain": "uncertain",
    "manual": "uncertain",
}
"""What a kiosk tells its citizen, in the words of the oracles."""

METHODS = ("bank_card", "bank_card", "wechat", "alipay", "unionpay_qr")
BEHAVIOURS = (Behaviour.PAYS,) * 6 + (Behaviour.PASSWORD, Behaviour.DECLINES, Behaviour.UNKNOWN_PAID)
MOST_REPEATS = 3
FIRST_RESIDENT = 5_000
RESIDENTS_A_KIOSK = 100_000
_LIMITS = {"menu": 20, "choose": 20, "quote": 20, "code": 20, "paying": 40, "result": 5, "settle": 1, "fault": 1}


class EnduranceKiosk:
    """*terminal* with *code* to enrol; *folder* keeps what survives. ``stopping``: nobody new comes."""

    def __init__(self, terminal: Terminal, code: str, folder: Path, city: City, clock: Clock, seed: int) -> None:
        self.terminal, self._code, self._folder, self._city = terminal, code, folder, city
        self._clock = clock
        self._choice = SeededChoice(seed, f"endurance {terminal.terminal_id}")
        self._next = FIRST_RESIDENT + terminal.number * RESIDENTS_A_KIOSK
        self._resident: Resident | None = None
        self._method, self._nonce = "wechat", 0
        self._program: Forked | None = None
        self._pad: DeviceHost | None = None
        self._pad_url = ""
        self._repeats: Counter[str] = Counter()
        self._stage, self._trade_no = "", ""
        self.served = asyncio.Event()
        self.stopping = False
        self.idle = False
        self.undecided = 0
        self.visits = 0
        self.told: Counter[str] = Counter()
        self.claims: set[tuple[str, str]] = set()
        self.presses: Counter[str] = Counter()
        """How often the citizen pressed pay on each trade: by the last confirmation, or by the last key of their PIN."""
        self.complaints: list[str] = []

    async def __aenter__(self) -> EnduranceKiosk:
        self._folder.mkdir(parents=True, exist_ok=True)
        master = open_pty()
        pad = build_pin_pad(options=PinPadOptions(terminal=self.terminal.bank_terminal))
        self._pad = DeviceHost(pad, master, self._clock, lambda text: self.complaints.append(f"pad: {text}"))
        self._pad.start()
        self._pad_url = f"{master.url}?baud=9600"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._program is not None:
            await self._program.end()
        if self._pad is not None:
            await self._pad.aclose()

    # The process.

    async def start(self, nursery: Nursery, backend: str) -> None:
        """A new process over what the last one has left."""
        self._stage, self.idle = "", False
        arguments = ["--headless", "--json", "--pages", "--backend", backend, "--terminal", self.terminal.terminal_id]
        arguments += ["--key-file", str(self._folder / "key"), "--outbox", str(self._folder / "outbox")]
        arguments += ["--enrol", self._code, "--epp", self._pad_url, "--receipts", str(self._folder / "slips")]
        for name, limit_s in _LIMITS.items():
            arguments += [f"--{name}-s", str(limit_s)]
        self._program = await nursery.fork(MODULE, arguments, self._folder, self._folder / "log", self._hear)

    @property
    def ended(self) -> bool:
        return self._program is None or self._program.ended.done()

    async def wait(self) -> int:
        """Its exit code, once it has one."""
        assert self._program is not None, "it was started"
        return await asyncio.shield(self._program.ended)

    @property
    def last_words(self) -> str:
        return self._program.last_words() if self._program is not None else ""

    def kill(self) -> None:
        if self._program is not None:
            self._program.kill()

    def tell_to_leave(self) -> None:
        """Whoever stands here goes home, once the kiosk lets them."""
        if self._stage in ("menu", "result") and not self.ended and self._program is not None:
            self._program.say("menu end" if self._stage == "menu" else "result done")

    # The citizen.

    def _hear(self, line: str) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            self.complaints.append("a line that is no JSON")
            return
        self.undecided = event.get("undecided", 0)
        self._note(event)
        where = event.get("stage") or event.get("event", "")
        if where in ("ignored", self._stage):
            return
        self._stage = where
        self.idle = where == "idle"
        asyncio.get_running_loop().call_later(0.02, self._answer, where, event)

    def _note(self, event: dict[str, Any]) -> None:
        trade = event.get("trade")
        if trade is not None:
            self._trade_no = trade["trade_no"]
            said = SAID.get(event.get("told", ""))
            if said is not None:
                self.claims.add((self._trade_no, said))

    def _answer(self, where: str, event: dict[str, Any]) -> None:
        if where != self._stage or self._program is None or self._program.ended.done():
            return
        answers: dict[str, Callable[[], str]] = {
            "idle": self._come,
            "record": lambda: "record yes",
            "menu": self._from_menu,
            "bills": lambda: "bills 1",
            "payer": lambda: f"payer {'insured' if self._choice.chance(0.75) else 'self'}",
            "account": lambda: f"account {'yes' if self._choice.chance(0.75) else 'no'}",
            "reopen": lambda: "again yes",
            "quote": lambda: "quote ok",
            "method": lambda: self._choose(event),
            "card": self._card,
            "code": self._show,
            "result": lambda: "result done",
        }
        self._repeats[where] += 1
        if where == "pin":
            self._type()
        elif self._repeats[where] > MOST_REPEATS and where not in ("idle", "menu"):
            self._program.say("cancel")
        elif where == "confirm":
            self.presses[self._trade_no] += 1
            self._program.say("confirm")
        elif where in answers and (line := answers[where]()):
            self._program.say(line)

    def _come(self) -> str:
        if self._resident is not None:
            self.visits += 1
            self.served.set()
        self._resident = None
        if self.stopping:
            return ""
        self._next += 1
        self._resident = self._city.resident(self._next)
        assert self._resident is not None, "a city has millions of residents"
        self._repeats.clear()
        self._method = METHODS[self._choice.below(len(METHODS))]
        code = credential_code("e_credential", self._resident.number, int(self._clock.now() // MINUTE_S))
        return f"login e_credential {code}"

    def _from_menu(self) -> str:
        """Once to the bills; whoever is back at the menu goes home."""
        return "menu pay" if self._repeats["menu"] == 1 and not self.stopping else "menu end"

    def _choose(self, event: dict[str, Any]) -> str:
        options = [each for each in event.get("options", ()) if each not in event.get("closed", ())]
        if self._repeats["method"] > 1 and options:
            self._method = options[self._choice.below(len(options))]
        return f"method {self._method}"

    def _card(self) -> str:
        assert self._resident is not None
        return f"card {self._resident.track2}"

    def _show(self) -> str:
        assert self._resident is not None
        self._nonce += 1
        behaviour = BEHAVIOURS[self._choice.below(len(BEHAVIOURS))]
        return f"scan {payment_code(self._method, self._resident.number, self._nonce, behaviour)}"

    def _type(self) -> None:
        assert self._resident is not None
        assert self._pad is not None
        self.presses[self._trade_no] += 1
        try:
            self._pad.apply(Physical("type", argument=self._resident.bank_pin))
            self._pad.apply(Physical("press", argument="enter"))
        except ValueError as error:
            self.complaints.append(f"pad: {error}")
