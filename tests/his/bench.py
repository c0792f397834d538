"""A platform written for these tests alone: it makes its messages as plain dictionaries and its proofs with hashlib and hmac, and
shares no code with the backend's client or with the wire package."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer.base import PeerOptions, Twist
from simulators.peer.his import PEER
from simulators.peer.his_core import HisPeer

MORNING = 1_795_305_600.0
"""2026-11-22 08:00:00 in China."""
CLINIC, OTHER_CLINIC = "H44190000001", "H44190000002"
PATIENT, OTHER_PATIENT = "P00000001", "P00000002"
SECRET = "HIS-TEST-SECRET"
BILL_1, BILL_2, BILL_3 = (f"B00001-00000001-000{number}" for number in (1, 2, 3))
TOTAL_1 = 12_560
KINDS = {kind.name: kind for kind in PEER}


def journalled(event: Any) -> Any:
    return json.loads(json.dumps(event))


@dataclass
class Bench:
    """One HIS and its journal; :meth:`reborn` is what a restart makes of it. ``now`` is everybody's time."""

    options: PeerOptions = field(default_factory=PeerOptions)
    kind: str = "his"
    now: float = MORNING
    events: list[Any] = field(default_factory=list)
    nonces: int = 0
    numbers: int = 0

    def __post_init__(self) -> None:
        self.peer = self.reborn()

    def reborn(self) -> HisPeer:
        return KINDS[self.kind].make(self.options, self._keep, [journalled(each) for each in self.events])  # type: ignore[return-value]

    def _keep(self, event: Any) -> None:
        self.events.append(journalled(event))

    @property
    def records(self):
        return self.peer.house.records

    # Raw requests.

    def proven(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        clinic: str = CLINIC,
        key: str = "",
        nonce: str = "",
        at: float | None = None,
        secret: str = SECRET,
        content_type: str = "application/json",
    ) -> HttpRequest:
        self.nonces += 1
        stamp = str(int(self.now if at is None else at))
        nonce = nonce or f"{self.nonces:032x}"
        lines = [method, target, clinic, key, stamp, nonce, hashlib.sha256(body).hexdigest()]
        headers = {
            "x-his-institution": clinic,
            "x-his-timestamp": stamp,
            "x-his-nonce": nonce,
            "x-his-signature": hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest(),
        }
        if key:
            headers["idempotency-key"] = key
        if body:
            headers["content-type"] = content_type
        return HttpRequest(method, target, headers, body)

    def raw(self, request: HttpRequest, twist: Twist = "") -> HttpReply:
        return self.peer.handle(request, self.now, twist)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        twist: Twist = "",
        **proof: Any,
    ) -> tuple[int, dict[str, Any]]:
        """Status and body. Every reply must carry the nonce of its request."""
        target = f"/his/v1{path}" + (f"?{urlencode(query)}" if query else "")
        octets = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = self.proven(method, target, octets, **proof)
        reply = self.raw(request, twist)
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        if not twist and reply.status != 401:
            assert reply.headers.get("x-his-nonce") == request.headers["x-his-nonce"]
        return reply.status, json.loads(reply.body)

    def done(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        status, told = self.ask(method, path, body, **more)
        assert status in (200, 201), (status, told)
        return told

    def code(self, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The code of a refusal."""
        status, told = self.ask(method, path, body, **more)
        assert status >= 400, told
        assert set(told) == {"code", "message"}
        return told["code"]

    # Business.

    def number(self) -> str:
        self.numbers += 1
        return f"DG20261122{self.numbers:08d}"

    def bills(self, patient: str = PATIENT, clinic: str = CLINIC) -> list[dict[str, Any]]:
        return self.done("GET", "/bills", query={"patient_id": patient}, clinic=clinic)["bills"]

    def lock(self, trade: str, bills: Any = (BILL_1,), *, med_type: str = "11", patient: str = PATIENT, **more: Any):
        body = {"patient_id": patient, "bill_ids": list(bills), "med_type": med_type}
        return self.ask("POST", f"/settlements/{trade}/lock", body, **{"key": f"{trade}001", **more})

    def locked(self, *bills: str, **more: Any) -> str:
        """The number of a new trade that has locked *bills*."""
        trade = self.number()
        status, told = self.lock(trade, bills or (BILL_1,), **more)
        assert status == 201, told
        return trade

    def settle(self, trade: str, fen: int, **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"trade_no": trade, "pays": [{"kind": "02", "amount_fen": fen, "channel_ref": "261122000012"}]}
        return self.ask("POST", "/settlements", body, **{"key": trade, **more})

    def settled(self, *bills: str) -> str:
        """The number of a new trade that is paid by bank card."""
        self.bills()
        trade = self.locked(*bills)
        status, told = self.settle(trade, self.records.trades[trade].total_fen)
        assert status == 201, told
        return trade

    def status(self, trade: str) -> str:
        status, told = self.ask("GET", f"/trades/{trade}")
        return told["state"] if status == 200 else told["code"]

    def refund(self, trade: str, refund: str, fen: int, **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"refund_no": refund, "trade_no": trade, "amount_fen": fen}
        return self.ask("POST", "/refunds", body, **{"key": refund, **more})

    def slots(self, date: str = "2026-11-22", clinic: str = CLINIC, **query: Any) -> list[dict[str, Any]]:
        query = {"department_id": "01", "date": date, "doctor_id": "0101", **query}
        return self.done("GET", "/slots", query=query, clinic=clinic)["slots"]

    def lock_slot(self, slot_id: str, patient: str = PATIENT, **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"patient_id": patient, "channel": "KIOSK", "terminal_id": "KSK-0001"}
        return self.ask("POST", f"/slots/{slot_id}/locks", body, **{"key": self.number(), **more})

    def register(self, lock_id: str, fen: int, trade: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
        trade = trade or self.number()
        body = {"lock_id": lock_id, "trade_no": trade, "pays": [{"kind": "02", "amount_fen": fen, "channel_ref": "1"}]}
        return self.ask("POST", "/registrations", body, **{"key": trade, **more})

    def check(self) -> None:
        """A HIS made of the journal is the same one; nobody is named in it."""
        assert self.reborn().house.records.as_dict() == self.records.as_dict()
        text = json.dumps(self.events, ensure_ascii=False)
        for private in ("测试甲", "44190019900101001X", "A00000001", "演示医生"):
            assert private not in text
