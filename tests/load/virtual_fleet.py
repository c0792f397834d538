"""A fleet without sockets and without time: a hub whose clock jumps, and a platform that proves every request and answers
after exactly as long as a test says."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from greenlet import getcurrent, greenlet

from loadtest.exchange import NoReply, Received
from loadtest.fleet import Fleet, Terms
from loadtest.guests import Guests
from loadtest.kiosk import FleetKiosk
from loadtest.schedule import Stage, arrivals, beats, total_s
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.platform.authentication import mac_of, open_sealed, session_key, verify_session
from simulators.peer.city import City

UNIX = 1_795_752_000.0
SPLIT = {"fund_fen": 600, "account_fen": 100, "mutual_aid_fen": 0, "cash_fen": 300, "hospital_fen": 0}
MIX = {"payers": {"insured": 1}, "methods": {"wechat": 1}, "credentials": {"social_security_card": 1}}


class VirtualHub:
    """Tasks are greenlets; time jumps to the next one that is due. ``late_s`` holds every task up by so much, as a
    generator does that has too much to do."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.time = 1000.0
        self.late_s: Callable[[float], float] = lambda t: 0.0
        self._due: list[tuple[float, int, greenlet]] = []
        self._number = count()
        self._loop = greenlet(self._turn)

    def now(self) -> float:
        return self.time

    def cpu(self) -> float:
        return 0.1 * self.time

    def sleep_until(self, t: float) -> None:
        at = max(t, self.time)
        heapq.heappush(self._due, (at + self.late_s(at), next(self._number), getcurrent()))
        self._loop.switch()

    def spawn(self, work: Callable[[], object]) -> None:
        def carried() -> None:
            try:
                work()
            except Exception as error:
                self.failure = self.failure or error

        heapq.heappush(self._due, (self.time, next(self._number), greenlet(carried, self._loop)))

    def _turn(self) -> None:
        while self._due:
            at, _, task = heapq.heappop(self._due)
            self.time = max(self.time, at)
            task.switch()


class PretendPlatform:
    """The least that a visit needs. *takes_s* says how long the answer to a call takes that comes at a time of the hub;
    *decides_s* how long after the press there is a decision. ``silent`` calls are swallowed once."""

    def __init__(
        self, hub: VirtualHub, takes_s: Callable[[float], float] = lambda t: 0.002, decides_s: float = 0.5
    ) -> None:
        self.hub, self.takes_s, self.decides_s = hub, takes_s, decides_s
        self.silent: set[str] = set()
        self.refuse: dict[str, tuple[int, str, bool]] = {}
        self.public: dict[str, bytes] = {}
        self.sessions: dict[str, bytes] = {}
        self.nonces: set[str] = set()
        self.trades: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.shown: list[Any] = []
        self.heard: list[tuple[float, str]] = []

    def exchange(self, request: HttpRequest, limit_s: float) -> Received:
        name = f"{request.method} {request.path}"
        self.heard.append((self.hub.now(), name))
        if name in self.silent:
            self.silent.discard(name)
            self.hub.sleep_until(self.hub.now() + limit_s)
            raise NoReply("no reply in time")
        if not name.startswith("POST /v1/terminal/e") and not name.startswith("POST /v1/terminal/s"):
            self._prove(request)
        self.hub.sleep_until(self.hub.now() + self.takes_s(self.hub.now()))
        if name in self.refuse:
            status, code, retry = self.refuse.pop(name)
            return Received(_problem(status, code, retry))
        return Received(self._answer(request))

    def close(self) -> None: ...

    def _answer(self, request: HttpRequest) -> HttpReply:
        body = json.loads(request.body) if request.body else {}
        if request.path == "/v1/terminal/enrolments":
            self.public[body["terminal_id"]] = bytes.fromhex(body["public_key"])
            return HttpReply(204)
        if request.path == "/v1/terminal/sessions":
            return self._session(body)
        return self._business(request, body)

    def _session(self, body: dict[str, Any]) -> HttpReply:
        proof = (body["terminal_id"], body["timestamp"], body["nonce"], body["ephemeral"], body["signature"])
        assert verify_session(self.public[body["terminal_id"]], *proof)
        own = X25519PrivateKey.generate()
        token = f"token-{len(self.sessions)}"
        self.sessions[token] = session_key(own.private_bytes_raw(), body["ephemeral"], body["nonce"])
        public = own.public_key().public_bytes_raw().hex()
        return json_reply({"token": token, "ephemeral": public, "expires_at": UNIX + 9999, "server_time": UNIX}, 201)

    def _prove(self, request: HttpRequest) -> None:
        headers = request.headers
        key = self.sessions[headers["authorization"].removeprefix("Bearer ")]
        timestamp, nonce = headers["x-terminal-timestamp"], headers["x-terminal-nonce"]
        expected = mac_of(key, request.method, request.target, timestamp, nonce, request.body)
        assert headers["x-terminal-signature"] == expected
        assert nonce not in self.nonces
        self.nonces.add(nonce)
        # The request is signed for the second in which it is sent.
        assert abs(int(timestamp) - (UNIX + self.hub.now())) <= 1.5, request.path
        if b'"sealed"' in request.body:
            self.shown.append(open_sealed(key, json.loads(request.body)["sealed"]))

    def _business(self, request: HttpRequest, body: dict[str, Any]) -> HttpReply:
        match request.method, request.path.split("/")[2:]:
            case "POST", ["terminal", "heartbeats"]:
                return json_reply({"server_time": UNIX})
            case "POST", ["identity"]:
                return json_reply(_visitor())
            case "GET", ["bills"]:
                return json_reply({"bills": [_bill()]})
            case "POST", ["trades"]:
                return json_reply(self._open(request.headers["idempotency-key"]))
            case "POST", ["trades", number, "pay"]:
                trade = self.trades[number]
                trade |= {"state": "paying", "method": body["method"], "due": self.hub.now() + self.decides_s}
                return json_reply(self._view(number))
            case "POST", ["trades", number, "cancel"]:
                self.trades[number] |= {"state": "closed", "decided": True}
                return json_reply(self._view(number))
            case "GET", ["trades", number]:
                wait_s = float(request.query.get("wait_s", "0"))
                due = self.trades[number].get("due")
                if due is not None:
                    self.hub.sleep_until(min(due, self.hub.now() + wait_s))
                return json_reply(self._view(number))
            case "GET", ["trades", number, "receipt"]:
                return json_reply(_receipt(number))
            case _:
                return _problem(404, "not-found", False)

    def _open(self, key: str) -> dict[str, Any]:
        number = self.keys.setdefault(key, f"T{len(self.keys) + 1:06d}")
        self.trades.setdefault(number, {"state": "awaiting", "method": "", "decided": False})
        return self._view(number)

    def _view(self, number: str) -> dict[str, Any]:
        trade = self.trades[number]
        if trade["state"] == "paying" and self.hub.now() >= trade["due"]:
            trade |= {"state": "paid", "decided": True}
        shown = {"state": trade["state"], "decided": trade["decided"], "method": trade["method"]}
        rest = {"kind": "bills", "total_fen": 1000, "split": SPLIT, "deadline": UNIX + 300, "reason": ""}
        return {"trade_no": number, **shown, **rest}


def _problem(status: int, code: str, retry: bool) -> HttpReply:
    return json_reply({"code": code, "title": "不行", "detail": "no", "status": status, "retry": retry}, status)


def _visitor() -> dict[str, Any]:
    known = {"visitor_id": "V1", "patient_id": "P1", "name": "测*", "id_number": "4419**********0011", "record": True}
    return {**known, "insured": True, "insutype": "310", "expires_at": UNIX + 600}


def _bill() -> dict[str, Any]:
    head = {"bill_id": "B00001-00001000-0000", "department": "全科", "doctor": "甲", "billed_at": "2026-11-27 10:00:00"}
    return {**head, "total_fen": 1000, "med_type": "11", "mergeable": True, "items": []}


def _receipt(number: str) -> dict[str, Any]:
    head = {"trade_no": number, "institution": "H44190000001", "kind": "bills", "state": "paid", "at": "2026-11-27"}
    rest = {
        "total_fen": 1000,
        "split": SPLIT,
        "method": "wechat",
        "channel_reference": "4200",
        "reconciliation_no": "1",
    }
    return {**head, **rest}


def virtual_fleet(
    stages: list[Stage], platform: PretendPlatform, kiosks: int = 20, *, seed: int = 1, terms: Terms | None = None
) -> Fleet:
    """A fleet on *platform* that has enrolled; ``run_fleet`` drives it."""
    city = City(towns=1, clinics=2, kiosks=kiosks)
    terminals = [each for each in (city.terminal(number) for number in range(1, kiosks + 1)) if each is not None]
    members = {each.number: FleetKiosk(each, platform, "test") for each in terminals}
    guests = Guests(city, MIX, seed)
    planned = list(arrivals(stages, kiosks, seed))
    drawn = {arrival: guests.next(members[arrival.kiosk].terminal) for arrival in planned}
    hub = platform.hub
    return Fleet(members, stages, drawn.__getitem__, hub, lambda: UNIX + hub.now(), terms or Terms())


def run_fleet(fleet: Fleet, stages: list[Stage], *, heartbeat_s: float = 30.0, seed: int = 1) -> float:
    """The whole load in virtual time; when it ended."""
    kiosks = len(fleet.kiosks)
    codes = {each.terminal.terminal_id: f"code-{each.number:05d}" for each in fleet.kiosks.values()}

    def whole() -> None:
        fleet.prepare(codes)
        fleet.run(arrivals(stages, kiosks, seed), beats(kiosks, heartbeat_s, total_s(stages), seed))

    ended: list[BaseException | float] = []

    def carried() -> None:
        try:
            whole()
            ended.append(fleet.now())
        except BaseException as error:
            ended.append(error)

    fleet.hub.spawn(carried)
    fleet.hub._loop.switch()  # type: ignore[attr-defined]
    assert ended, "the load did not end"
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]
