"""Delivers one message of the outbox: WeChat first, SMS where WeChat has decidedly refused. A repeat delivers nothing twice.

The outbox says when to try; a message is its own id at both platforms, so a try whose answer was lost is simply made again.
Source: spec/services.md 6; 8 (outbox).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from protocols.clock import Clock, civil
from protocols.wire import notice
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.money import yuan_text
from protocols.wire.notice import (
    TEMPLATES,
    SendReply,
    SmsReply,
    SmsRequest,
    Template,
    TemplateMessage,
    TokenReply,
    Value,
    read_notice,
)
from reference_impl.backend.transport import HttpTransport, NoAnswer

__all__ = ["Delivery", "Notice", "NotifyClient", "NotifyConfig", "Recipient"]

PEER = "notify"
LIMIT_S = 10.0
TOKEN_SPARE_S = 300.0
"""A token is given up so long before it expires."""

State = Literal["delivered", "rejected", "later"]

_TOKEN_GONE = frozenset({notice.BAD_TOKEN, notice.EXPIRED_TOKEN, notice.NO_TOKEN})
_NOT_TO_THEM = frozenset({notice.NOT_FOLLOWING, notice.WRONG_OPENID})
_OUR_MISTAKE = frozenset({notice.TEMPLATE_SIZE, notice.NO_SUCH_TEMPLATE, notice.MALFORMED, notice.WRONG_ARGUMENT})
_SMS_REJECTED = frozenset({"MOBILE_NUMBER_ILLEGAL", "TEMPLATE_ILLEGAL", "PARAMETER_INVALID"})
_SUBJECTS = {"bill": "门诊缴费", "registration": "预约挂号"}


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """``templates`` by the kind of message; other kinds are rejected."""

    appid: str
    secret: str = field(repr=False)
    sms_key: str = field(repr=False)
    templates: Mapping[str, Template] = field(default_factory=lambda: TEMPLATES)


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox. ``payload``: what it is about (kind, total_fen), ``created_at`` Unix time."""

    message_id: str
    trade_no: str
    kind: str
    payload: Mapping[str, Any]
    created_at: float


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where the citizen can be reached; empty: not so."""

    openid: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """``later``: try again, nothing is decided; ``rejected``: never. ``code`` and ``reason`` are without personal data."""

    state: State
    channel: str = ""
    code: str = ""
    reason: str = ""


class NotifyClient:
    def __init__(self, config: NotifyConfig, transport: HttpTransport, clock: Clock, limit_s: float = LIMIT_S) -> None:
        self._config, self._transport, self._clock, self._limit_s = config, transport, clock, limit_s
        self._token, self._token_until = "", 0.0

    async def deliver(self, message: Notice, recipient: Recipient) -> Delivery:
        """Bring *message* to *recipient*, or say whether to try again. Never raises for anything that a peer can do."""
        template = self._config.templates.get(message.kind)
        if template is None:
            return Delivery("rejected", code="no-template", reason=f"there is no template for {message.kind}")
        refused = Delivery("rejected", code="nobody", reason="there is neither openid nor phone")
        if recipient.openid:
            refused = await self._by_wechat(message, recipient.openid, template)
            if refused.state != "rejected" or refused.code not in {str(each) for each in _NOT_TO_THEM}:
                return refused
        if recipient.phone:
            return await self._by_sms(message, recipient.phone, template)
        return refused

    # WeChat.

    async def _by_wechat(self, message: Notice, openid: str, template: Template) -> Delivery:
        request = TemplateMessage(
            touser=openid,
            template_id=template.id,
            client_msg_id=_short(message.message_id),
            data={name: Value(value=value) for name, value in _values(message).items()},
        )
        for fresh in (False, True):
            token = await self._access_token(fresh)
            if not token:
                break
            reply = await self._asked(notice.send_request(token, request), SendReply)
            if reply is None:
                return Delivery("later", "wechat", "no-answer")
            if reply.errcode in _TOKEN_GONE:
                continue  # somebody else has taken a new token, or ours is too old: once more with a fresh one
            return self._told(reply.errcode)
        return Delivery("later", "wechat", "no-token", "no access token is to be had")

    @staticmethod
    def _told(errcode: int) -> Delivery:
        if errcode == notice.OK:
            return Delivery("delivered", "wechat")
        known = notice.WECHAT_ERRORS.get(errcode)
        reason = known.en if known else ""
        rejected = errcode in _NOT_TO_THEM or errcode in _OUR_MISTAKE
        return Delivery("rejected" if rejected else "later", "wechat", str(errcode), reason)

    async def _access_token(self, fresh: bool) -> str:
        now = self._clock.now()
        if self._token and not fresh and now < self._token_until:
            return self._token
        self._token = ""
        reply = await self._asked(notice.token_request(self._config.appid, self._config.secret), TokenReply)
        if reply is not None and reply.access_token and reply.errcode == notice.OK:
            self._token = reply.access_token
            self._token_until = now + max(0.0, reply.expires_in - TOKEN_SPARE_S)
        return self._token

    # SMS.

    async def _by_sms(self, message: Notice, phone: str, template: Template) -> Delivery:
        message_id = _short(message.message_id)
        request = SmsRequest(message_id=message_id, phone=phone, template=template.sms, params=_values(message))
        signed = notice.sms_request(self._config.sms_key, int(self._clock.now()), request)
        reply = await self._asked(signed, SmsReply)
        if reply is None:
            return Delivery("later", "sms", "no-answer")
        if reply.code == notice.SMS_OK:
            right = reply.message_id == message_id
            return Delivery("delivered", "sms") if right else Delivery("later", "sms", "wrong-reference")
        return Delivery("rejected" if reply.code in _SMS_REJECTED else "later", "sms", reply.code)

    async def _asked(self, request: HttpRequest, model: type[Any]) -> Any:
        """The reply; None where none came that can be read."""
        try:
            reply: HttpReply = await self._transport.exchange(PEER, request, self._limit_s)
            return read_notice(model, reply.body) if reply.status == 200 else None
        except (NoAnswer, WireError):
            return None


def _short(message_id: str) -> str:
    """32 characters for any id: platforms bound theirs."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _values(message: Notice) -> dict[str, str]:
    """What the citizen reads: nothing that says who they are or what for they were treated."""
    return {
        "thing2": _SUBJECTS.get(str(message.payload.get("kind", "")), "一卡通业务"),
        "time3": f"{civil(message.created_at):%Y-%m-%d %H:%M}",
        "character_string9": message.trade_no,
        "amount": f"{yuan_text(int(message.payload.get('total_fen', 0)))}元",
    }
