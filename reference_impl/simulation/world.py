"""Plays one story: kiosks, backend, peers and network in one process under virtual time, then heals everything and lets it end.

A play has two parts. While the story lasts, its strikes and crashes happen. Then the network is whole, every party runs, and virtual
days pass until nothing moves any more. What stands in all books then is what the oracles are given.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from protocols.clock import Clock, LoopClock, run_virtual
from protocols.wire.bank.ciphers import TRIPLE_DES
from reference_impl.backend.banking.batch import TerminalEngaged
from reference_impl.backend.banking.host import BankUnavailable
from reference_impl.simulation.backend import SimulatedBackend
from reference_impl.simulation.facts import facts_of, kept, kept_for_trades
from reference_impl.simulation.kiosk import SimulatedKiosk
from reference_impl.simulation.mutant import NO_MUTANT, Mutant
from reference_impl.simulation.network import Network
from reference_impl.simulation.platform import SimulatedPlatform
from reference_impl.simulation.story import Crash, Payment, Story
from reference_impl.simulation.teller import Citizen
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.base import PeerKind, PeerOptions
from simulators.peer.city import City
from simulators.serve.peers import peer_kinds

__all__ = ["Played", "play"]

PEERS = ("his", "insurance", "bank", "qr", "credential")
STORY_S = 600.0
"""A story is over after that; what it set going is then brought to its end."""
LAST_PAYMENT = Payment(kiosk=1, at_s=0.0, resident=100, insured=False, method="bank_card")
UNTOUCHED_KIOSK = 9
"""For the last payment, when every kiosk of the story is broken."""
DAY_S = 86_400.0
MOST_DAYS = 4
"""So long a refund may wait for the bank's bill, and a lock for its end."""
MOST_MESSAGES = 3_000
"""A bad day of five citizens takes a tenth of that."""
LOOK_S = 10.0
QUIET_LOOK_S = 600.0
LAST_MESSAGE_S = 200.0
"""After that nothing is under way any more, however late it was."""


@dataclass(slots=True)
class Played:
    """``facts`` for the oracles; ``defect`` what broke in us; ``struck`` which strikes and crashes really happened, and how
    often; ``asked`` which messages were sent; ``trace`` what went over the network, if it was wanted."""

    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    defect: str = ""
    struck: Counter[str] = field(default_factory=Counter[str])
    asked: Mapping[str, int] = field(default_factory=dict[str, int])
    trace: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])


def play(story: Story, mutant: Mutant = NO_MUTANT, *, traced: bool = False) -> Played:
    """Play *story* from its beginning to the end of its last consequence. The same story gives the same result."""
    with _folder() as folder:
        return run_virtual(_World(story, mutant, folder, traced).run(), alone=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """For the outboxes. In memory where the machine has such a place: thousands of plays need no disk."""
    memory = Path("/dev/shm")  # noqa: S108 a folder of our own is made in it
    with tempfile.TemporaryDirectory(prefix="onecard-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@lru_cache(1)
def _kinds() -> Mapping[str, PeerKind[Any, Any]]:
    return {name: kind for name, kind in peer_kinds().items() if name in PEERS}


class _World:
    def __init__(self, story: Story, mutant: Mutant, folder: Path, traced: bool) -> None:
        self._story, self._mutant, self._folder, self._traced = story, mutant, folder, traced
        self._city = City(kiosks=10)
        self._crashes = {(each.party, each.event, each.nth): each for each in story.crashes}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._claims: list[tuple[str, str, str]] = []
        self._happened: Counter[str] = Counter()
        self._healed = False
        self._platforms: list[SimulatedPlatform] = []
        self._early_locks: list[dict[str, str]] = []
        self.played = Played()

    async def run(self) -> Played:
        clock: Clock = LoopClock(self._story.begins_at)
        self._clock = clock
        kinds = _kinds()
        options = PeerOptions(seed=1, settings={"kiosks": 10, "his_bills": 2, "bills": 2, "endless": True})
        network = self._network = Network(self._story, clock, kinds, options)
        if self._traced:
            network.trace = self._note
        network.on_send, network.on_receive = self._sent, self._received
        self._backend = SimulatedBackend(
            network, self._city, clock, self._story.seed, self._before_commit, self._after_commit, self._mutant
        )
        self._kiosks = {number: self._kiosk(number) for number in sorted({each.kiosk for each in self._story.payments})}
        try:
            self._backend.start()
            self._bring_citizens()
            for kiosk in self._kiosks.values():
                kiosk.start()
            await self._until_told()
            self._heal()
            await self._until_quiet()
            await self._prove_alive()
            locks = (*self._early_locks, *kept(network, clock.now()))
            presses = {no: len(keys) for each in self._platforms for no, keys in each.presses.items()}
            self.played.facts = facts_of(
                self._backend.connection, network, self._claims, presses, self._complaints(), locks
            )
        finally:
            await self._end()
            self.played.struck = self._happened + network.struck
            self.played.asked = network.asked
        return self.played

    # Parties.

    def _kiosk(self, number: int) -> SimulatedKiosk:
        terminal = self._city.terminal(number)
        assert terminal is not None, "a story names kiosks of its city"
        outbox = self._folder / terminal.terminal_id
        platform = SimulatedPlatform(self._network, self._backend, terminal, self._clock, outbox)
        self._platforms.append(platform)
        return SimulatedKiosk(
            terminal.terminal_id,
            platform,
            outbox,
            TRIPLE_DES.diversify(bytes.fromhex(TEST_FLEET_KEY), terminal.bank_terminal),
            self._clock,
            lambda terminal_id, trade_no, said: self._claims.append((terminal_id, trade_no, said)),
            lambda terminal_id: self._stepped(number),
            self._mutant,
        )

    def _bring_citizens(self) -> None:
        for at, payment in enumerate(self._story.payments):
            resident = self._city.resident(payment.resident)
            assert resident is not None, "a story names residents of its city"
            absolute = _at(payment, self._story.begins_at)
            citizen = Citizen(absolute, resident, self._clock, nonce=at * 100)
            self._kiosks[payment.kiosk].come(citizen)
            if payment.refund_after_s:
                asyncio.get_running_loop().call_later(
                    payment.at_s + payment.refund_after_s, self._come_back, payment, at
                )

    def _come_back(self, payment: Payment, number: int) -> None:
        """The citizen wants the money back that their slip speaks of, if they were told that they paid."""
        resident = self._city.resident(payment.resident)
        assert resident is not None, "it was there before"
        rows = self._backend.connection.execute(
            "SELECT trade_no FROM trades WHERE patient_id = ? AND state = 'paid' ORDER BY trade_no",
            (resident.patient_id,),
        ).fetchall()
        if not rows:
            return
        citizen = Citizen(payment, resident, self._clock, refund_of=rows[0][0], nonce=number * 100 + 50)
        citizen.plan = _at(payment, 0.0, now=self._clock.now())
        self._kiosks[payment.kiosk].come(citizen)

    # Crashes.

    def _due(self, party: str, event: str) -> Crash | None:
        self._counts[party, event] += 1
        return None if self._healed else self._crashes.get((party, event, self._counts[party, event]))

    def _before_commit(self) -> None:
        self._maybe("commit-before")
        self._maybe("takeover")

    def _after_commit(self) -> None:
        self._maybe("commit-after")

    def _sent(self) -> None:
        self._maybe("send")

    def _received(self) -> None:
        self._maybe("receive")

    def _maybe(self, event: str) -> None:
        crash = self._due("backend", event)
        if crash is None or not self._backend.up:
            return
        self._happened[f"backend {event}"] += 1
        if event == "takeover":
            self._note("crash", "backend", "another one takes over")
            self._backend.take_over()
            return
        self._note("crash", "backend", f"{event}, down for {crash.down_s} s")
        self._backend.kill()
        asyncio.get_running_loop().call_later(crash.down_s, self._restart)

    def _restart(self) -> None:
        if not self._backend.up:
            self._note("back", "backend", "")
            self._backend.start()

    def _stepped(self, number: int) -> None:
        crash = self._due(f"kiosk-{number}", "step")
        if crash is None:
            return
        kiosk = self._kiosks[number]
        if crash.down_s < 0:
            self._happened["kiosk broken-for-good"] += 1
            self._note("crash", kiosk.terminal_id, "broken for good")
            kiosk.break_down()
            return
        self._happened["kiosk power-cut"] += 1
        self._note("crash", kiosk.terminal_id, f"power cut for {crash.down_s} s")
        kiosk.cut_power()
        asyncio.get_running_loop().call_later(crash.down_s, self._power, number)

    def _power(self, number: int) -> None:
        self._note("back", self._kiosks[number].terminal_id, "")
        self._kiosks[number].start()

    # The course of a play.

    async def _until_told(self) -> None:
        """The story: until everybody was served and all that this set going has ended, or its time is over."""
        end = self._story.begins_at + STORY_S
        re_sign_in = self._story.begins_at + self._story.re_sign_in if self._story.re_sign_in else None
        settles = self._story.begins_at + self._story.settles if self._story.settles else None
        while self._clock.now() < end:
            await asyncio.sleep(LOOK_S)
            if re_sign_in is not None and self._clock.now() >= re_sign_in:
                re_sign_in = None
                self._happened["bank keys-expired"] += 1
                self._network.expire_sign_ins()
            if settles is not None and self._clock.now() >= settles and await self._settle_batches():
                settles = None
            if self._broken():
                return
            if self._clock.now() > self._last_wish() and self._quiet():
                return

    async def _settle_batches(self) -> bool:
        """What the backend does in the evening, for every kiosk. False: one of them is engaged, or the bank is away."""
        done = True
        for kiosk in self._kiosks.values():
            business = self._backend.business
            if business is None:
                return False
            settling = asyncio.ensure_future(business.bank.settle_batch(kiosk.terminal_id))
            await asyncio.wait({settling})
            if settling.cancelled():  # the backend died over it
                return False
            failed = settling.exception()
            if failed is None:
                self._happened["bank batch-settled"] += settling.result().batch > 0
            elif isinstance(failed, TerminalEngaged | BankUnavailable):
                done = False
            else:
                raise failed
        return done

    async def _prove_alive(self) -> None:
        """When all is over one more citizen comes, and pays: nothing of what happened may stand in their way."""
        if self._broken():
            return
        before = len(self._claims)
        number = next((at for at, kiosk in self._kiosks.items() if not kiosk.lost), UNTOUCHED_KIOSK)
        if number not in self._kiosks:
            self._kiosks[number] = self._kiosk(number)
            self._kiosks[number].start()
        resident = self._city.resident(LAST_PAYMENT.resident)
        assert resident is not None, "it is one of the city"
        plan = replace(LAST_PAYMENT, kiosk=number, at_s=self._clock.now())
        self._kiosks[number].come(Citizen(plan, resident, self._clock, nonce=90_000))
        for _ in range(int(STORY_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            if self._broken() or self._quiet():
                break
        told = [said for _, _, said in self._claims[before:]]
        if told != ["paid"] and not self.played.defect:
            self.played.defect = (
                f"after everything was mended a plain payment does not work: {told or 'nothing was said'}"
            )

    def _last_wish(self) -> float:
        """When the last citizen has come, or come back."""
        wishes = [each.at_s + each.refund_after_s for each in self._story.payments]
        return self._story.begins_at + max(wishes) + 2 * LOOK_S

    def _heal(self) -> None:
        self._healed = True
        self._network.heal()
        self._restart()

    async def _until_quiet(self) -> None:
        """Everything that is under way comes to its end; locks that only time releases get their time."""
        end = self._clock.now() + MOST_DAYS * DAY_S
        while self._clock.now() < end and not self._broken():
            await asyncio.sleep(LOOK_S if self._moving() else QUIET_LOOK_S)
            if self._quiet():
                await asyncio.sleep(LAST_MESSAGE_S)
                self._early_locks = kept_for_trades(self._network, self._clock.now())
                await asyncio.sleep(1_000.0)
                if self._quiet():
                    return
            elif not self._moving():
                continue

    def _complaints(self) -> Iterator[str]:
        """What the kiosks did against their own promises."""
        for platform in self._platforms:
            yield from platform.complaints
        for kiosk in self._kiosks.values():
            if kiosk.open_entries:
                yield f"{kiosk.terminal_id}: {kiosk.open_entries} keys are still open, and everything has ended"

    def _moving(self) -> bool:
        engine = self._backend.business.engine if self._backend.business else None
        return engine is None or any(kiosk.waiting for kiosk in self._kiosks.values())

    def _quiet(self) -> bool:
        business = self._backend.business
        return business is not None and not business.engine.busy and all(kiosk.idle for kiosk in self._kiosks.values())

    def _broken(self) -> bool:
        """A defect of ours ends the play: it is a finding by itself."""
        failures = [kiosk.failed for kiosk in self._kiosks.values()] + [self._backend.failure]
        found = next((each for each in failures if each is not None), None)
        if found is not None:
            self.played.defect = f"{type(found).__name__}: {found}"
        elif self._network.messages > MOST_MESSAGES:
            self.played.defect = f"the parties go round in circles: {MOST_MESSAGES} messages, and no end"
        return bool(self.played.defect)

    async def _end(self) -> None:
        for kiosk in self._kiosks.values():
            await kiosk.aclose()
        self._backend.kill()
        await self._network.aclose()
        await asyncio.sleep(0)

    def _note(self, what: str, who: str, detail: str, fault: str = "") -> None:
        if self._traced:
            at = self._clock.now() - self._story.begins_at
            self.played.trace.append(
                (round(at, 3), " ".join(filter(None, (what, who, detail, fault and f"[{fault}]"))))
            )


def _at(payment: Payment, begins_at: float, now: float | None = None) -> Payment:
    """*payment* with its time as Unix time."""
    return replace(payment, at_s=begins_at + payment.at_s if now is None else now)
