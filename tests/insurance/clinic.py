"""A clinic written for these tests alone: it makes its messages as plain dictionaries and its signatures with hashlib, and shares no
code with the backend's client or with the wire package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer.base import PeerOptions, Twist
from simulators.peer.insurance import make
from simulators.peer.insurance_core import InsurancePeer

MORNING = 1_795_305_600.0
"""2026-11-22 08:00:00 in China."""
PSN_1 = "44190000000000000001"
CARD_1 = "A00000001"
INSTITUTION = "H44190000001"
OTHER_INSTITUTION = "H44190000002"
A, B, C = "XSIM000000000000A001", "XSIM000000000000B001", "XSIM000000000000C001"

CHINA = timezone(timedelta(hours=8))


def civil(at: float) -> str:
    return datetime.fromtimestamp(at, CHINA).strftime("%Y-%m-%d %H:%M:%S")


class Clinic:
    """Speaks to one centre. ``now`` is the time of both; every message moves it by a second."""

    def __init__(
        self, peer: InsurancePeer, institution: str = INSTITUTION, opter: str = "KSK-0001", now: float = MORNING
    ) -> None:
        self.peer, self.institution, self.opter, self.now = peer, institution, opter, now
        self.sign_no = ""
        self._count = self._nonces = 0

    # Raw requests.

    def headers(self, nonce: str = "", at: float | None = None, secret: str = "TIF-TEST-SECRET") -> dict[str, str]:
        stamp = str(int(self.now if at is None else at))
        self._nonces += 1
        nonce = nonce or f"{self.institution}{self.opter}{self._nonces:08d}"
        digest = hashlib.sha256((stamp + secret + nonce + stamp).encode()).hexdigest()
        return {
            "x-tif-paasid": "onecard",
            "x-tif-timestamp": stamp,
            "x-tif-nonce": nonce,
            "x-tif-signature": digest,
        }

    def envelope(self, infno: str, body: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        self._count += 1
        stamp = civil(self.now).replace("-", "").replace(":", "").replace(" ", "")
        whole = {
            "infno": infno,
            "msgid": f"{self.institution}{stamp}{self._count % 10_000:04d}",
            "mdtrtarea_admvs": "441900",
            "insuplc_admdvs": "441900",
            "recer_sys_code": "SIM",
            "infver": "V1.0",
            "opter_type": "2",
            "opter": self.opter,
            "opter_name": "自助机",
            "inf_time": civil(self.now),
            "fixmedins_code": self.institution,
            "fixmedins_name": "模拟社区卫生服务站",
            "sign_no": self.sign_no,
            "input": dict(body),
        }
        whole.update(changes)
        return {name: value for name, value in whole.items() if value is not None}

    def request(self, whole: Mapping[str, Any], infno: str = "") -> HttpRequest:
        body = json.dumps(whole, ensure_ascii=False).encode()
        return HttpRequest("POST", f"/fsi/api/{infno or whole['infno']}", self.headers(), body)

    def send(self, request: HttpRequest, twist: Twist = "") -> HttpReply:
        reply = self.peer.handle(request, self.now, twist)
        assert reply is not None
        return reply

    # Messages.

    def ask(self, infno: str, body: Mapping[str, Any], twist: Twist = "", **changes: Any) -> dict[str, Any]:
        self.now += 1
        reply = self.send(self.request(self.envelope(infno, body, **changes), infno), twist)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def done(self, infno: str, body: Mapping[str, Any], **changes: Any) -> Any:
        """The output of a message that must be answered with 0."""
        reply = self.ask(infno, body, **changes)
        assert reply["infcode"] == "0", reply["err_msg"]
        return reply.get("output")

    def refused(self, infno: str, body: Mapping[str, Any], **changes: Any) -> str:
        """The code of a message that must be answered with -1."""
        reply = self.ask(infno, body, **changes)
        assert reply["infcode"] == "-1", reply
        assert reply["err_msg"].startswith("[")
        return reply["err_msg"][1:].split("]")[0]

    def sign_in(self) -> Clinic:
        body = {"signIn": {"opter_no": self.opter, "mac": "02-00-00-00-00-01", "ip": "127.0.0.1"}}
        self.sign_no = self.done("9001", body, sign_no=None)["signinoutb"]["sign_no"]
        return self

    # A whole visit.

    def register(self, number: str = "O1", psn_no: str = PSN_1, card: str = CARD_1, insutype: str = "310") -> str:
        data = {
            "psn_no": psn_no,
            "insutype": insutype,
            "begntime": civil(self.now),
            "mdtrt_cert_type": "03",
            "mdtrt_cert_no": card,
            "ipt_otp_no": number,
            "atddr_no": "D01",
            "dr_name": "测试医生",
            "dept_code": "01",
            "dept_name": "全科",
            "caty": "A01",
        }
        return self.done("2201", {"data": data})["data"]["mdtrt_id"]

    def diagnose(self, mdtrt_id: str, psn_no: str = PSN_1, med_type: str = "11") -> None:
        body = {
            "mdtrtinfo": {"mdtrt_id": mdtrt_id, "psn_no": psn_no, "med_type": med_type, "begntime": civil(self.now)},
            "diseinfo": [{"diag_type": "1", "diag_srt_no": 1, "diag_code": "J00.x00", "diag_name": "急性鼻咽炎"}],
        }
        self.done("2203A", body)

    def line(
        self, mdtrt_id: str, number: str, code: str, fen: int, batch: str = "B0001", psn_no: str = PSN_1
    ) -> dict[str, Any]:
        return {
            "feedetl_sn": number,
            "mdtrt_id": mdtrt_id,
            "psn_no": psn_no,
            "chrg_bchno": batch,
            "dise_codg": "J00.x00",
            "fee_ocur_time": civil(self.now),
            "med_list_codg": code,
            "det_item_fee_sumamt": fen / 100,
            "cnt": 1,
            "pric": fen / 100,
        }

    def upload(self, *lines: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self.done("2204", {"feedetail": list(lines)})["result"]

    def pre_settle_body(self, mdtrt_id: str, fen: int, **changes: Any) -> dict[str, Any]:
        data = {
            "psn_no": PSN_1,
            "mdtrt_cert_type": "03",
            "mdtrt_cert_no": CARD_1,
            "med_type": "11",
            "medfee_sumamt": fen / 100,
            "psn_setlway": "01",
            "mdtrt_id": mdtrt_id,
            "chrg_bchno": "B0001",
            "acct_used_flag": "1",
            "insutype": "310",
        }
        return {"data": {**data, **changes}}

    def quote(self, mdtrt_id: str, fen: int, **changes: Any) -> dict[str, Any]:
        return self.done("2206", self.pre_settle_body(mdtrt_id, fen, **changes))["setlinfo"]

    def settle_body(self, mdtrt_id: str, fen: int, quote: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        kept = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
        body = self.pre_settle_body(mdtrt_id, fen, **changes)
        body["data"] |= {"invono": "INV0001", **{name: quote[name] for name in kept}}
        return body

    def visit(self, number: str = "O1", lines: tuple[tuple[str, int], ...] = ((A, 9_960), (B, 2_100), (C, 500))) -> str:
        """A visit of resident 1 with its lines uploaded: those of the worked settlement unless told otherwise."""
        mdtrt_id = self.register(number)
        self.diagnose(mdtrt_id)
        self.upload(*(self.line(mdtrt_id, f"{at}", code, fen) for at, (code, fen) in enumerate(lines, 1)))
        return mdtrt_id

    def settled(self, number: str = "O1", fen: int = 12_560, **changes: Any) -> dict[str, Any]:
        """The setlinfo of such a visit, settled."""
        mdtrt_id = self.visit(number)
        body = self.settle_body(mdtrt_id, fen, self.quote(mdtrt_id, fen, **changes), **changes)
        return self.done("2207", body)["setlinfo"]

    def found(self, mdtrt_id: str, psn_no: str = PSN_1) -> dict[str, Any] | None:
        """What 5203 shows of a visit."""
        return self.done("5203", {"data": {"psn_no": psn_no, "mdtrt_id": mdtrt_id}})["setlinfo"]

    def revoke(self, info: Mapping[str, Any]) -> dict[str, Any]:
        body = {"data": {name: info[name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
        return self.done("2208", body)["setlinfo"]


def centre(temper: str = "strict", **settings: str | int | bool) -> tuple[InsurancePeer, list[dict[str, Any]]]:
    """A centre and its journal, which has been through JSON as a file would."""
    events: list[dict[str, Any]] = []
    options = PeerOptions(temper=temper, settings=settings)  # type: ignore[arg-type]
    return make(options, lambda event: events.append(json.loads(json.dumps(event))), ()), events


def clinic(temper: str = "strict", **settings: str | int | bool) -> Clinic:
    """A clinic that has signed in at a centre of its own."""
    peer, _ = centre(temper, **settings)
    return Clinic(peer).sign_in()
