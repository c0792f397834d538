"""The history of a flow: frames of devices, messages of peers, HTTP calls, pages, hands and faults in one chain.

Nothing personal goes in: frames are masked by their dialect, of messages and bodies only chosen fields are written. What went over
a socket is searched for secrets as it was; a finding stands in the history, not what was found.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from protocols.clock import Clock
from protocols.link.base import Link
from protocols.record import Direction, History, Record
from protocols.wire.bank.message import decode
from protocols.wire.bank.tree import tree as bank_tree
from protocols.wire.base import Control, Frame, Framing, Item, Node, Privacy
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.privacy import Masker
from scenarios.flow.secrets import FlowSecrets
from scenarios.http_relay import Relayed
from scenarios.models import Slot
from simulators.device.classes import device_classes
from simulators.serve.peers import Exchange

__all__ = ["KIOSK", "FlowRecorder"]

KIOSK, BACKEND, CITIZEN = "kiosk", "backend", "citizen"
TOLD_OF_TRADE = ("trade_no", "state", "decided", "total_fen", "split", "method", "reason", "code")
"""Fields of a JSON reply that are written down: amounts, states, numbers of trades. No name, no number of a person or card."""


class FlowRecorder:
    """Writes records and hands each to *hear*. ``leaks`` counts what was found where it must not be, by place and form."""

    def __init__(
        self,
        clock: Clock,
        sink: TextIO | None,
        secrets: FlowSecrets,
        mask_key: bytes,
        hear: Callable[[Record], None],
    ) -> None:
        self._clock, self._hear, self.secrets = clock, hear, secrets
        self._start, self._sink = clock.now(), sink
        self._mask = Masker(mask_key, secrets.literals).mask
        self.history = self._begin()
        self.leaks: Counter[tuple[str, str, str]] = Counter()
        self.searched: Counter[str] = Counter()
        self.sign_ins: list[str] = []
        """Enciphered working keys, as the bank gave them out."""

    def _begin(self) -> History:
        return History(lambda: self._clock.now() - self._start, self._sink, self._mask)

    def forget(self) -> None:
        """Begin anew: for a stand that nobody records, and that may stand for days."""
        self.history = self._begin()

    def add(self, slot: str, direction: Direction, kind: str, data: bytes = b"", **note: Any) -> Record:
        text = json.dumps(note, ensure_ascii=False)
        found = self.secrets.find(text.encode())
        if found:
            for leak in found:
                self.leaks["history", leak.privacy.value, leak.form] += 1
            note = {"withheld": sorted({leak.privacy.value for leak in found})}
        record = self.history.append(slot, direction, kind, data, **note)
        self._hear(record)
        return record

    def search(self, place: str, data: bytes) -> None:
        """Look for secrets in bytes that went over a socket, or stand in a file."""
        self.searched[place] += len(data)
        for leak in self.secrets.find(data, place):
            if not self.leaks[place, leak.privacy.value, leak.form]:
                self.add(place, "-", "leak", privacy=leak.privacy.value, form=leak.form)
            self.leaks[place, leak.privacy.value, leak.form] += 1

    def knows_keys(self) -> bool:
        """True when the keys that were looked for are those that the bank gave out: else the search would prove nothing."""
        return all(keys in self.secrets.field_62 for keys in self.sign_ins)

    # Devices.

    def tap(self, name: str, slot: Slot, link: Link) -> Link:
        """The simulator's end of a line: what it sends goes to the kiosk under test."""
        dialect = device_classes()[slot.device_class].dialects[slot.dialect]
        return _Tapped(link, name, dialect.framing, self._clock, self._frame)

    def _frame(self, name: str, direction: Direction, item: Item) -> None:
        to_device = direction == "rx"
        if isinstance(item, Frame):
            self.add(name, direction, "frame", item.raw, to_device=to_device)
        elif isinstance(item, Control):
            self.add(name, direction, "control", item.raw)
        else:
            self.add(name, direction, "noise", item.raw, why=item.why)

    # Services.

    def exchanged(self, exchange: Exchange) -> None:
        """A peer was asked. Polls that repeat themselves are written down too: the history is whole."""
        place = exchange.peer
        request, reply = exchange.request, exchange.reply
        note: dict[str, Any] = {"address": exchange.address, "ms": _ms(exchange.started, exchange.ended)}
        if exchange.handling.fault:
            note["fault"] = exchange.handling.fault
        if isinstance(request, bytes):
            self.search(place, request)
            note["request"] = _fields(bank_tree(request))
            if isinstance(reply, bytes):
                self.search(place, reply)
                answer = bank_tree(reply)
                note |= {"reply": _fields(answer)}
                self._keep_keys(reply)
        else:
            self._search_http(place, request)
            note |= {"bytes": len(request.body)}
            if isinstance(reply, HttpReply):
                self.search(place, reply.body)
                note |= {"status": reply.status, "reply_bytes": len(reply.body)}
        if reply is None:
            note["reply"] = None
        self.add(place, "-", "message", **note)

    def _search_http(self, place: str, request: HttpRequest) -> None:
        self.search(place, request.body)
        self.search(place, request.target.encode())

    def _keep_keys(self, reply: bytes) -> None:
        message = decode(reply)
        if message.mti == "0810" and 62 in message:
            self.sign_ins.append(message[62])

    def called(self, exchange: Relayed) -> None:
        """The kiosk has called the backend."""
        self.search("http", exchange.request_body)
        self.search("http", exchange.reply_body)
        self.search("http", exchange.target.encode())
        for headers in (exchange.request_headers, exchange.reply_headers):
            self.search("http", "\n".join(headers.values()).encode())
        note: dict[str, Any] = {
            "call": f"{exchange.method} {exchange.target.partition('?')[0]}",
            "status": exchange.status,
            "ms": _ms(exchange.started, exchange.ended),
        }
        note |= _told(exchange.reply_body)
        self.add(BACKEND, "rx", "http", **note)

    # The kiosk and its citizen.

    def said(self, event: Mapping[str, Any]) -> Record:
        """A line of the kiosk: its facts and the headline of its page, without anything else that stands on it."""
        facts = {
            name: value for name, value in event.items() if name not in ("page", "left_s", "t", "holder", "options")
        }
        page = event.get("page")
        if isinstance(page, Mapping) and isinstance(page.get("headline"), Mapping):
            facts["title"] = dict(page["headline"])
        self.search("kiosk events", json.dumps(facts, ensure_ascii=False).encode())
        return self.add(KIOSK, "rx", "page", **facts)

    def hand(self, slot: str, action: str, answer: str) -> None:
        self.add(slot, "-", "prompt", action=action, answer=answer, by=CITIZEN)


class _Tapped:
    """A link that tells of every item of both directions."""

    def __init__(
        self,
        link: Link,
        name: str,
        framing: Callable[[], Framing],
        clock: Clock,
        tell: Callable[[str, Direction, Item], None],
    ) -> None:
        self._link, self._name, self._clock, self._tell = link, name, clock, tell
        self._out, self._in = framing(), framing()

    async def send(self, data: bytes) -> None:
        self._cut("tx", self._out, data)
        await self._link.send(data)

    async def receive(self) -> bytes:
        data = await self._link.receive()
        self._cut("rx", self._in, data)
        return data

    def _cut(self, direction: Direction, framing: Framing, data: bytes) -> None:
        now = self._clock.now()
        for item in framing.expire(now) + framing.feed(data, now):
            self._tell(self._name, direction, item)

    async def aclose(self) -> None:
        await self._link.aclose()


def _fields(node: Node) -> list[list[str]]:
    """[name, zh, en, text] of each field of a bank message; what is private has no text."""
    rows = [[node.text, node.label.zh, node.label.en, ""]]
    for child in node.children:
        text = child.text if child.privacy is Privacy.OPEN else "***"
        if child.name in ("bitmap", "tpdu", "header", "mti"):
            continue
        rows.append([child.name, child.label.zh, child.label.en, text])
    return rows


def _told(body: bytes) -> dict[str, Any]:
    """The chosen fields of a JSON reply; none of anything else."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: value[name] for name in TOLD_OF_TRADE if name in value}


def _ms(started: float, ended: float) -> int:
    return round(1000 * max(0.0, ended - started))
