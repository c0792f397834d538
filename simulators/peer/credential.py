"""The local middle platform that decodes a citizen's code: medical insurance code, electronic social security card, health
code and citizen code.

A code is good for the minute in which it is shown, and once. Source: spec/services.md 1.6 (business types), 1.8, 9 (U4: one
decode call, token 300 s); spec/cards.md 7 (forms, 500159).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from protocols.wire.base import Label, WireError
from protocols.wire.credential import (
    BUSINESS_TYPES,
    NOT_INSURANCE,
    OK,
    PATH,
    REFUSALS,
    TRANS_TYPES,
    CredentialKind,
    DecodeReply,
    DecodeRequest,
    Holder,
    read_decode_request,
)
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from simulators.peer.base import BookRow, Journal, PeerKind, PeerOptions, Setting, Twist
from simulators.peer.city import DIVISION, City, Resident
from simulators.peer.credential_codes import MINUTE_S, Shown, ec_token, read_code

__all__ = ["PEER", "CredentialPlatform"]

SETTINGS = (
    Setting("static", False, Label("接受静态码（演示）", "accept static codes (demonstrations)")),
    Setting("grace_s", 10, Label("有效期宽限（秒）", "grace beyond the minute of a code, in seconds")),
)
MORE_BUSINESS_TYPES = frozenset({"01303", "01304", "01305"})
"""Reports, receipts, copies: in use in the field, not in the list of spec/services.md 1.6."""
MOST_VIOLATIONS = 1_000


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CredentialPlatform:
    """Addresses for faults: the transType of a call (``ec.query``)."""

    def __init__(self, options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> None:
        known = {each.name: each.default for each in SETTINGS}
        strangers = sorted(set(options.settings) - set(known))
        if strangers:
            raise ValueError(f"the credential peer has no setting {strangers[0]!r}; known: {', '.join(sorted(known))}")
        values = {**known, **options.settings}
        self._static = str(values["static"]).lower() in ("true", "1", "yes")
        self._grace_s = 0.0 if options.temper == "hostile" else float(values["grace_s"])
        self._temper, self._journal, self._city = options.temper, journal, City()
        self._key = hashlib.sha256(f"credential platform {options.seed}".encode()).digest()
        self._used: dict[str, str] = {}
        self._decoded: Counter[str] = Counter()
        self._violations: list[str] = []
        for event in events:
            self._apply(event)

    # The peer.

    def address(self, request: HttpRequest) -> str:
        try:
            name = read_decode_request(request.body).trans_type
        except WireError:
            return "?"
        return name if name in TRANS_TYPES else "?"

    def handle(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        try:
            path = request.path
        except ValueError:
            path = ""
        if path != PATH:
            self._report("no such path")
            return HttpReply(404, {}, b"")
        if request.method != "POST":
            return HttpReply(405, {}, b"")
        try:
            message = read_decode_request(request.body)
        except WireError as error:
            self._report(error.why)
            return self._told(500100)
        try:
            holder = self._decode(message, now, twist)
        except _Refused as refused:
            return self._told(refused.code)
        reply = DecodeReply(code=OK, message="成功", data=holder)
        return json_reply(reply.model_dump(by_alias=True, exclude_none=True))

    def spoil(self, reply: HttpReply) -> HttpReply:
        return HttpReply(reply.status, reply.headers, reply.body[: len(reply.body) // 2] + b"\xff{")

    def book(self) -> Iterable[BookRow]:
        """No money passes here."""
        return ()

    def violations(self) -> list[str]:
        found, self._violations = self._violations, []
        return found

    def snapshot(self) -> Mapping[str, object]:
        return {"decoded": dict(sorted(self._decoded.items())), "codes_used": len(self._used), "temper": self._temper}

    # Decoding.

    def _decode(self, message: DecodeRequest, now: float, twist: Twist) -> Holder:
        kind = self._wanted(message, twist)
        code = self._scanned(message.data.ec_qr_code)
        shown = read_code(code)
        if shown is None or shown.kind is not kind:
            self._report(f"{message.trans_type}: not a code of that kind")
            raise _Refused(NOT_INSURANCE if kind is CredentialKind.E_CREDENTIAL else 500162)
        resident = self._city.resident(shown.number)
        if resident is None:
            raise _Refused(500163)
        self._fresh(shown, code, message.org_id, now)
        return self._holder(resident, shown, message.data.ec_qr_code, now, twist)

    def _wanted(self, message: DecodeRequest, twist: Twist) -> CredentialKind:
        if twist in ("refuse", "sign-in-expired"):
            raise _Refused(500199 if twist == "refuse" else 500110)
        if message.trans_type not in TRANS_TYPES:
            self._report("transType: not known")
            raise _Refused(500103)
        if message.org_id != message.data.org_id or self._city.institution_by_code(message.org_id) is None:
            self._report(f"{message.trans_type}: orgId is not known, or differs within the message")
            raise _Refused(500101)
        business = message.data.business_type
        if business in MORE_BUSINESS_TYPES and self._temper == "realistic":
            self._report(f"{message.trans_type}: a business type of the field, not of the list")
        elif business not in BUSINESS_TYPES:
            self._report(f"{message.trans_type}: businessType is not in the list")
            raise _Refused(500102)
        if message.data.device_type != "SelfService":
            self._report(f"{message.trans_type}: deviceType of a kiosk is SelfService")
        return TRANS_TYPES[message.trans_type]

    def _scanned(self, text: str) -> str:
        """The field forgives what a scanner leaves at the end; others do not."""
        stripped = text.rstrip("\r\n \t")
        if stripped != text and self._temper == "realistic":
            self._report("the code ends with what the scanner put there")
            return stripped
        return text

    def _fresh(self, shown: Shown, code: str, institution: str, now: float) -> None:
        if shown.minute == 0:
            if not self._static:
                raise _Refused(500160)
            return
        begins = shown.minute * MINUTE_S
        if not begins - self._grace_s <= now < begins + MINUTE_S + self._grace_s:
            raise _Refused(500160)
        token = hashlib.blake2s(code.encode(), key=self._key, digest_size=12).hexdigest()
        if token in self._used:
            # Whoever had no answer asks again, and is refused; a code that shows up in another institution was copied.
            if self._used[token] != institution:
                self._report("a code of another institution's visitor: it is good for one time")
            raise _Refused(500161)
        used = {
            "e": "used",
            "code": token,
            "kind": shown.kind.value,
            "minute": shown.minute,
            "institution": institution,
        }
        self._emit(used)

    def _holder(self, resident: Resident, shown: Shown, code: str, now: float, twist: Twist) -> Holder:
        insured = shown.kind is CredentialKind.E_CREDENTIAL
        person = resident.person
        return Holder(
            user_name=person.name,
            id_no=person.id_number,
            id_type="01",
            insu_org=DIVISION if insured else "",
            ec_index_no=hashlib.sha256(f"index {resident.number}".encode()).hexdigest()[:32] if insured else "",
            ec_token=ec_token(resident.number, now) if insured else "",
            gender=person.sex,
            birthday=f"{person.birth[:4]}-{person.birth[4:6]}-{person.birth[6:]}",
            nationality="CHN",
            chnl_id="SIM",
            ec_qr_code=code[::-1] if twist == "wrong-reference" else code,
        )

    # Inside.

    def _emit(self, event: Mapping[str, Any]) -> None:
        self._journal(event)
        self._apply(event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        if event["e"] != "used":
            raise ValueError(f"no event {event['e']!r} of the credential peer")
        self._used[event["code"]] = event["institution"]
        self._decoded[event["kind"]] += 1

    def _told(self, code: int) -> HttpReply:
        return json_reply({"code": code, "message": REFUSALS[code].zh})

    def _report(self, what: str) -> None:
        if len(self._violations) < MOST_VIOLATIONS:
            self._violations.append(what)


def _make(options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> CredentialPlatform:
    return CredentialPlatform(options, journal, events)


PEER = PeerKind("credential", Label("电子凭证解码中台", "decoding of electronic credentials"), "http", _make, SETTINGS)
