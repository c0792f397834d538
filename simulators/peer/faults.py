"""Fault switches of peers: seeded, and addressable to one message of one kind (spec/services.md 1.7, recommendation 8).

Pure: :meth:`FaultSwitch.plan` says how one request is to be handled, the shell or the simulated network does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from protocols.seeded import SeededChoice
from protocols.wire.base import Label
from simulators.peer.base import Twist

__all__ = ["PEER_FAULTS", "FaultSwitch", "Handling", "PeerFault", "PeerFaultId"]

PeerFaultId = Literal[
    "refuse",
    "delay-then-commit",
    "commit-then-drop-reply",
    "drop-request",
    "duplicate",
    "malformed",
    "wrong-reference",
    "clock-skew",
    "sign-in-expired",
    "file-not-ready",
]

PEER_FAULTS: dict[PeerFaultId, Label] = {
    "refuse": Label("拒绝该请求", "the request is refused"),
    "delay-then-commit": Label("超过客户端时限后才执行", "carried out after the client has given up"),
    "commit-then-drop-reply": Label("已执行，答复丢失", "carried out, the reply is lost"),
    "drop-request": Label("请求丢失，未执行", "the request is lost, nothing is done"),
    "duplicate": Label("同一请求送达两次", "the request arrives twice"),
    "malformed": Label("已执行，答复无法解析", "carried out, the reply cannot be read"),
    "wrong-reference": Label("已执行，答复的关联号错误", "carried out, the reply refers to another request"),
    "clock-skew": Label("对端时钟偏差", "the peer's clock is off"),
    "sign-in-expired": Label("签到已失效", "the sign-in has expired"),
    "file-not-ready": Label("文件尚未生成", "the file is not ready"),
}

DELAY_S = 90.0
"""Beyond every client's limit (60 or 70 s, spec/services.md 3.4)."""
SKEW_S = 400.0


@dataclass(frozen=True, slots=True)
class PeerFault:
    """One fault of one peer. ``message`` is the address of :meth:`Peer.address`, ``*`` any; ``after`` lets so many
    of them by first; ``times`` is how often it strikes; ``probability`` is drawn from the seed at each message."""

    id: PeerFaultId
    message: str = "*"
    after: int = 0
    times: int = 1
    probability: float = 1.0
    delay_s: float = DELAY_S

    def __post_init__(self) -> None:
        if self.id not in get_args(PeerFaultId):
            raise ValueError(f"no fault {self.id!r} of a peer; known: {', '.join(PEER_FAULTS)}")
        if self.after < 0 or self.times < 1 or not 0 < self.probability <= 1 or not 0 <= self.delay_s <= 3600:
            raise ValueError(f"fault {self.id}: after >= 0, times >= 1, 0 < probability <= 1, 0 <= delay_s <= 3600")

    @staticmethod
    def parse(text: str) -> PeerFault:
        """``commit-then-drop-reply:0200/000000,after=2,times=3``. Raises ValueError naming what is wrong."""
        head, *rest = text.split(",")
        name, _, message = head.partition(":")
        values: dict[str, str] = {}
        for each in rest:
            key, sign, value = each.partition("=")
            if not sign or key not in ("after", "times", "probability", "delay_s"):
                raise ValueError(f"fault {text!r}: {each!r} is none of after=, times=, probability=, delay_s=")
            values[key] = value
        return PeerFault(
            name,  # pyright: ignore[reportArgumentType]  # checked in __post_init__
            message or "*",
            int(values.get("after", "0")),
            int(values.get("times", "1")),
            float(values.get("probability", "1")),
            float(values.get("delay_s", str(DELAY_S))),
        )


@dataclass(frozen=True, slots=True)
class Handling:
    """How to handle one request: wait ``before_s``, carry it out ``deliveries`` times with *twist*, at a clock that is
    ``skew_s`` off, then give the reply, lose it, or spoil it. ``fault`` is what did it, for the history."""

    before_s: float = 0.0
    deliveries: int = 1
    twist: Twist = ""
    skew_s: float = 0.0
    reply: Literal["keep", "drop", "spoil"] = "keep"
    fault: str = ""


PLAIN = Handling()

_TWISTED: dict[str, Twist] = {
    "refuse": "refuse",
    "wrong-reference": "wrong-reference",
    "sign-in-expired": "sign-in-expired",
    "file-not-ready": "file-not-ready",
}


def _handling(fault: PeerFault) -> Handling:
    if fault.id in _TWISTED:
        return Handling(twist=_TWISTED[fault.id], fault=fault.id)
    match fault.id:
        case "delay-then-commit":
            return Handling(before_s=fault.delay_s, fault=fault.id)
        case "commit-then-drop-reply":
            return Handling(reply="drop", fault=fault.id)
        case "drop-request":
            return Handling(deliveries=0, reply="drop", fault=fault.id)
        case "duplicate":
            return Handling(deliveries=2, fault=fault.id)
        case "malformed":
            return Handling(reply="spoil", fault=fault.id)
        case _:
            return Handling(skew_s=SKEW_S, fault=fault.id)


class FaultSwitch:
    """The faults of one peer. Each message is struck by at most one; the first that is due, in the order given."""

    def __init__(self, faults: Iterable[PeerFault] = (), seed: int = 0) -> None:
        self._faults = list(faults)
        self._passed = [0] * len(self._faults)
        self._struck = [0] * len(self._faults)
        self._choice = SeededChoice(seed, "faults of a peer")

    def add(self, fault: PeerFault) -> None:
        """Arm one more fault; its count begins now."""
        self._faults.append(fault)
        self._passed.append(0)
        self._struck.append(0)

    def clear(self) -> None:
        """Undo all faults."""
        self._faults, self._passed, self._struck = [], [], []

    @property
    def struck(self) -> Sequence[tuple[PeerFault, int]]:
        """Each fault and how often it struck: one that never did means that the test did not test."""
        return list(zip(self._faults, self._struck, strict=True))

    def plan(self, address: str) -> Handling:
        """How the next message of that address is to be handled."""
        chosen: int | None = None
        for number, fault in enumerate(self._faults):
            if fault.message not in ("*", address):
                continue
            self._passed[number] += 1
            if chosen is not None or self._passed[number] <= fault.after or self._struck[number] >= fault.times:
                continue
            if fault.probability >= 1 or self._choice.chance(fault.probability):
                chosen = number
        if chosen is None:
            return PLAIN
        self._struck[chosen] += 1
        return _handling(self._faults[chosen])
