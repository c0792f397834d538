"""Where notices arrive: WeChat template messages and SMS, and a sink that can be asked what came.

A message is taken once for each message id, however often it is sent. The sink shows receivers and contents masked:
``GET /sink/messages`` with ``channel``, ``message_id``, ``template``, ``to`` (the whole openid or phone) and ``since``.
Source: spec/services.md 6.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from protocols.wire import notice
from protocols.wire.base import Label, WireError
from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.notice import SmsRequest, TemplateMessage, read_notice
from simulators.peer.base import BookRow, Journal, PeerKind, PeerOptions, Twist
from simulators.peer.city import City
from simulators.peer.notify_sink import Arrived, Sink, openid_number, phone_number, unfit
from simulators.peer.notify_terms import SETTINGS, notify_terms

__all__ = ["PEER", "NotifyPeer"]

SINK = "/sink/messages"
TOKEN_S = 7_200
WINDOW_S = 300
MOST_VIOLATIONS = 1_000
_METHODS = {notice.TOKEN: "GET", notice.SEND: "POST", notice.SMS: "POST", SINK: "GET"}


class NotifyPeer:
    """Addresses for faults: the path of a call."""

    def __init__(self, options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> None:
        self._terms = notify_terms(options)
        self._journal, self._city, self._sink = journal, City(), Sink(options.seed)
        self._key = hashlib.sha256(f"notify {options.seed}".encode()).digest()
        self._token_since = 0.0
        self._violations: list[str] = []
        for event in events:
            self._apply(event)

    # The peer.

    def address(self, request: HttpRequest) -> str:
        path = _path(request)
        return path if path in _METHODS else "?"

    def handle(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        path = _path(request)
        if path not in _METHODS:
            self._report("no such path")
            return HttpReply(404, {}, b"")
        if request.method != _METHODS[path]:
            return HttpReply(405, {}, b"")
        if path == SINK:
            return json_reply({"messages": self._sink.shown(request.query)})
        if path == notice.TOKEN:
            return self._token(request, now, twist)
        return self._send(request, now, twist) if path == notice.SEND else self._sms(request, now, twist)

    def spoil(self, reply: HttpReply) -> HttpReply:
        return HttpReply(reply.status, reply.headers, reply.body[: len(reply.body) // 2] + b"\xff{")

    def book(self) -> Iterable[BookRow]:
        """No money passes here."""
        return ()

    def violations(self) -> list[str]:
        found, self._violations = self._violations, []
        return found

    def snapshot(self) -> Mapping[str, object]:
        return {**self._sink.counts(), "temper": self._terms.temper}

    # WeChat.

    def _token(self, request: HttpRequest, now: float, twist: Twist) -> HttpReply:
        query = request.query
        if query.get("grant_type") != "client_credential" or query.get("appid") != self._terms.appid:
            self._report(f"{notice.TOKEN}: not the account of this bench")
            return json_reply({"errcode": 40013, "errmsg": "invalid appid"})
        if not hmac.compare_digest(query.get("secret", "").encode("utf-8", "replace"), self._terms.secret.encode()):
            self._report(f"{notice.TOKEN}: the secret is wrong")
            return json_reply({"errcode": 40125, "errmsg": "invalid appsecret"})
        if twist == "refuse":
            return json_reply({"errcode": notice.BUSY, "errmsg": "system error"})
        if self._terms.temper == "hostile":
            self._emit({"e": "token", "at": now})  # a new token ends the old one at once
        return json_reply({"access_token": self._token_of(now), "expires_in": TOKEN_S})

    def _token_of(self, now: float) -> str:
        issued = f"{int(now * 1000):x}"
        return f"{issued}_{hashlib.blake2s(issued.encode(), key=self._key, digest_size=20).hexdigest()}"

    def _token_error(self, token: str, now: float) -> int:
        if not token:
            return notice.NO_TOKEN
        issued, _, mac = token.partition("_")
        wanted = hashlib.blake2s(issued.encode("utf-8", "replace"), key=self._key, digest_size=20).hexdigest()
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), wanted.encode()):
            return notice.BAD_TOKEN
        at = int(issued, 16) / 1000
        if at < int(self._token_since * 1000) / 1000:
            return notice.BAD_TOKEN
        return notice.EXPIRED_TOKEN if now - at > TOKEN_S else notice.OK

    def _send(self, request: HttpRequest, now: float, twist: Twist) -> HttpReply:
        error = self._token_error(request.query.get("access_token", ""), now)
        if twist == "sign-in-expired":
            error = notice.EXPIRED_TOKEN
        if error != notice.OK:
            return self._told(error)
        try:
            message = read_notice(TemplateMessage, request.body)
        except WireError as wrong:
            self._report(f"{notice.SEND}: {wrong.why}")
            return self._told(notice.MALFORMED)
        error = self._message_error(message, now, twist)
        if error != notice.OK:
            return self._told(error)
        kind = next(kind for kind, each in notice.TEMPLATES.items() if each.id == message.template_id)
        values = {name: each.value for name, each in message.data.items()}
        number = openid_number(message.touser)
        arrived = self._take("wechat", message.client_msg_id, message.touser, kind, values, number, now)
        msgid = arrived.number + (1 if twist == "wrong-reference" else 0)
        return json_reply({"errcode": 0, "errmsg": "ok", "msgid": 2_000_000_000 + msgid})

    def _message_error(self, message: TemplateMessage, now: float, twist: Twist) -> int:
        number = openid_number(message.touser)
        if number == 0 or self._city.resident(number) is None:
            self._report(f"{notice.SEND}: touser is no openid of this bench")
            return notice.WRONG_OPENID
        if len(message.template_id) != notice.TEMPLATE_ID_LENGTH:
            return notice.TEMPLATE_SIZE
        found = [each for each in notice.TEMPLATES.values() if each.id == message.template_id]
        if not found:
            return notice.NO_SUCH_TEMPLATE
        wrong = [key for key in found[0].keys if key not in message.data or unfit(key, message.data[key].value)]
        if wrong:
            self._report(f"{notice.SEND}: {wrong[0]}: missing, or not of the form that the key allows")
            return notice.WRONG_ARGUMENT
        if self._terms.strangers_every and number % self._terms.strangers_every == 0:
            return notice.NOT_FOLLOWING
        full = self._sink.of_day("wechat", now) >= self._terms.quota
        return notice.QUOTA if full or twist == "refuse" else notice.OK

    def _told(self, code: int) -> HttpReply:
        return json_reply({"errcode": code, "errmsg": notice.WECHAT_ERRORS[code].en})

    # SMS.

    def _sms(self, request: HttpRequest, now: float, twist: Twist) -> HttpReply:
        timestamp = request.headers.get("x-sms-timestamp", "")
        wanted = notice.sms_signature(self._terms.sms_key, timestamp, request.body)
        given = request.headers.get("x-sms-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.lower().encode("utf-8", "replace")):
            self._report(f"{notice.SMS}: the signature is wrong")
            return self._answered("SIGNATURE_INVALID")
        if not timestamp.isascii() or not timestamp.isdecimal() or abs(now - int(timestamp[:12])) > WINDOW_S:
            self._report(f"{notice.SMS}: a time outside of {WINDOW_S} s")
            return self._answered("TIMESTAMP_EXPIRED")
        if twist == "sign-in-expired":
            return self._answered("ACCOUNT_EXPIRED")
        try:
            message = read_notice(SmsRequest, request.body)
        except WireError as wrong:
            self._report(f"{notice.SMS}: {wrong.why}")
            return self._answered("PARAMETER_INVALID")
        number = phone_number(message.phone)
        if number == 0 or self._city.resident(number) is None:
            self._report(f"{notice.SMS}: phone is none of this bench")
            return self._answered("MOBILE_NUMBER_ILLEGAL", message.message_id)
        kinds = [kind for kind, each in notice.TEMPLATES.items() if each.sms == message.template]
        if not kinds:
            return self._answered("TEMPLATE_ILLEGAL", message.message_id)
        known = self._sink.known("sms", message.phone, message.message_id)
        if twist == "refuse" or (known is None and self._sink.to_today(message.phone, now) >= self._terms.sms_a_day):
            return self._answered("BUSINESS_LIMIT_CONTROL", message.message_id)
        arrived = self._take("sms", message.message_id, message.phone, kinds[0], message.params, number, now)
        told = f"X{message.message_id}"[:64] if twist == "wrong-reference" else message.message_id
        return json_reply(
            {"code": notice.SMS_OK, "message": "OK", "message_id": told, "biz_id": f"B{arrived.number:012d}"}
        )

    @staticmethod
    def _answered(code: str, message_id: str = "") -> HttpReply:
        return json_reply({"code": code, "message": code, "message_id": message_id})

    # What arrives.

    def _take(
        self, channel: str, message_id: str, to: str, kind: str, values: Mapping[str, str], number: int, now: float
    ) -> Arrived:
        known = self._sink.known(channel, to, message_id)
        if known is not None:
            if known.template != kind:
                self._report(f"{channel}: the same message id with another template")
            return known
        resident = self._city.resident(number)
        secrets = (resident.person.name, resident.person.id_number, resident.phone, resident.pan) if resident else ()
        if any(each in value for each in secrets for value in values.values()):
            self._report(f"{channel}: a notice carries a name, citizen, phone or card number")
        event = self._sink.event(channel, message_id, to, kind, values, secrets, now)
        self._emit(event)
        return self._sink.arrived[-1]

    def _emit(self, event: Mapping[str, Any]) -> None:
        self._journal(event)
        self._apply(event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        if event["e"] == "token":
            self._token_since = event["at"]
        elif event["e"] == "arrived":
            self._sink.apply(event)
        else:
            raise ValueError(f"no event {event['e']!r} of the notify peer")

    def _report(self, what: str) -> None:
        if len(self._violations) < MOST_VIOLATIONS:
            self._violations.append(what)


def _path(request: HttpRequest) -> str:
    try:
        return request.path
    except ValueError:
        return ""


def _make(options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> NotifyPeer:
    return NotifyPeer(options, journal, events)


PEER = PeerKind(
    "notify", Label("通知平台（微信模板消息、短信）", "notices (WeChat templates, SMS)"), "http", _make, SETTINGS
)
