"""A decoding platform at a fixed minute, and requests as a kiosk sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from protocols.wire.credential import (
    PATH,
    CredentialKind,
)
from protocols.wire.http import HttpRequest, json_request
from simulators.peer.base import PeerOptions, Twist
from simulators.peer.credential import CredentialPlatform
from simulators.peer.credential_codes import credential_code

MORNING = 1_795_305_600.0


MINUTE = int(MORNING) // 60


KINDS = pytest.mark.parametrize("kind", list(CredentialKind))


CALLS = {
    CredentialKind.E_CREDENTIAL: "ec.query",
    CredentialKind.SOCIAL_SECURITY: "essc.query",
    CredentialKind.HEALTH: "ehc.query",
    CredentialKind.CITIZEN: "ecc.query",
}


TYPED = "4240000000000000000100440000"


class Bench:
    def __init__(self, options: PeerOptions | None = None) -> None:
        self.options = options or PeerOptions()
        self.events: list[dict[str, Any]] = []
        self.peer = self.reborn()
        self.now = MORNING + 5

    def reborn(self) -> CredentialPlatform:
        return CredentialPlatform(
            self.options, lambda event: self.events.append(json.loads(json.dumps(event))), list(self.events)
        )

    def request(self, code: str, trans_type: str = "ec.query", **changes: Any) -> HttpRequest:
        data = {
            "orgId": "H44190000001",
            "businessType": "01301",
            "operatorId": "KSK-00001",
            "operatorName": "自助机",
            "officeId": "SELF",
            "officeName": "自助服务",
            "deviceType": "SelfService",
            "ecQrCode": code,
        }
        whole = {
            "orgId": "H44190000001",
            "transType": trans_type,
            "data": {**data, **changes.pop("data", {})},
            **changes,
        }
        return json_request("POST", PATH, whole)

    def ask(self, code: str, trans_type: str = "ec.query", twist: Twist = "", **changes: Any) -> dict[str, Any]:
        reply = self.peer.handle(self.request(code, trans_type, **changes), self.now, twist)
        assert reply.status == 200
        return json.loads(reply.body)

    def code(self, kind: CredentialKind = CredentialKind.E_CREDENTIAL, resident: int = 1, minute: int = MINUTE) -> str:
        return credential_code(kind, resident, minute)
