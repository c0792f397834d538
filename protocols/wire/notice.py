"""Notices to citizens: WeChat template messages as their platform takes them, and SMS in this project's own layout.

A WeChat message goes to an openid with a template and short values; ``client_msg_id`` makes a repeat harmless. Template ids
are test values (assumption U10), 43 characters as the platform's are. An SMS request is signed: hexadecimal HMAC-SHA256 over
time, a line feed and the body. Source: spec/services.md 6 (fields and errors).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.http import JSON_TYPE, HttpRequest
from protocols.wire.insurance.json_text import read_object, write_json

__all__ = [
    "BAD_TOKEN",
    "BUSY",
    "EXPIRED_TOKEN",
    "MALFORMED",
    "NOT_FOLLOWING",
    "NO_SUCH_TEMPLATE",
    "NO_TOKEN",
    "OK",
    "QUOTA",
    "SEND",
    "SMS",
    "SMS_OK",
    "TEMPLATES",
    "TEMPLATE_SIZE",
    "TOKEN",
    "WECHAT_ERRORS",
    "WRONG_ARGUMENT",
    "WRONG_OPENID",
    "Miniprogram",
    "SendReply",
    "SmsReply",
    "SmsRequest",
    "Template",
    "TemplateMessage",
    "TokenReply",
    "Value",
    "read_notice",
    "send_request",
    "sms_request",
    "sms_signature",
    "token_request",
    "tree",
]

TOKEN = "/cgi-bin/token"
SEND = "/cgi-bin/message/template/send"
SMS = "/sms/v1/send"

OK, BUSY = 0, -1
BAD_TOKEN, WRONG_OPENID, TEMPLATE_SIZE, NO_SUCH_TEMPLATE, NO_TOKEN = 40001, 40003, 40036, 40037, 41001
EXPIRED_TOKEN, NOT_FOLLOWING, QUOTA, MALFORMED, WRONG_ARGUMENT = 42001, 43004, 45009, 47001, 47003
SMS_OK = "OK"

WECHAT_ERRORS: Mapping[int, Label] = {
    BUSY: Label("系统繁忙", "system busy"),
    BAD_TOKEN: Label("凭证无效", "invalid credential"),
    WRONG_OPENID: Label("openid 无效", "invalid openid"),
    TEMPLATE_SIZE: Label("template_id 长度不正确", "wrong size of template_id"),
    NO_SUCH_TEMPLATE: Label("template_id 不正确", "unknown template_id"),
    NO_TOKEN: Label("缺少 access_token", "access_token is missing"),
    EXPIRED_TOKEN: Label("access_token 已过期", "access_token has expired"),
    NOT_FOLLOWING: Label("用户未关注公众号", "not a follower"),
    QUOTA: Label("超过调用次数限制", "quota exceeded"),
    MALFORMED: Label("数据格式错误", "malformed data"),
    WRONG_ARGUMENT: Label("参数值不符合规则", "a value does not fit its key"),
}
"""42001, 47001 and 47003 are not in the specification: the platform's own words for what it leaves unnamed."""

TEMPLATE_ID_LENGTH = 43
_CONFIG = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Template:
    """``keys``: what a message must fill in; ``sms``: the code of the same text as an SMS."""

    id: str
    keys: tuple[str, ...]
    sms: str


TEMPLATES: Mapping[str, Template] = {
    "paid": Template(
        "SIM-TEMPLATE-PAID-".ljust(43, "0"), ("thing2", "time3", "character_string9", "amount"), "SMS_PAID"
    ),
    "refunded": Template(
        "SIM-TEMPLATE-REFUNDED-".ljust(43, "0"), ("thing2", "time3", "character_string9", "amount"), "SMS_REFUNDED"
    ),
}
"""By the kind of message."""


class Value(BaseModel):
    model_config = _CONFIG

    value: Annotated[str, Field(max_length=200)]
    color: Annotated[str, Field(max_length=9)] = ""


class Miniprogram(BaseModel):
    model_config = _CONFIG

    appid: Annotated[str, Field(max_length=32)]
    pagepath: Annotated[str, Field(max_length=512)] = ""


class TemplateMessage(BaseModel):
    model_config = _CONFIG

    touser: Annotated[str, Field(max_length=64)] = Field(repr=False)
    template_id: Annotated[str, Field(max_length=128)]
    url: Annotated[str, Field(max_length=512)] = ""
    miniprogram: Miniprogram | None = None
    client_msg_id: Annotated[str, Field(max_length=64, pattern=_PRINTABLE)] = ""
    data: Annotated[dict[str, Value], Field(max_length=20)] = Field(repr=False)


class SendReply(BaseModel):
    model_config = _CONFIG

    errcode: int
    errmsg: Annotated[str, Field(max_length=400)] = ""
    msgid: int = 0


class TokenReply(BaseModel):
    """``expires_in`` seconds; with an error there is no token."""

    model_config = _CONFIG

    access_token: Annotated[str, Field(max_length=512)] = Field(default="", repr=False)
    expires_in: Annotated[int, Field(ge=0, le=86_400)] = 0
    errcode: int = 0
    errmsg: Annotated[str, Field(max_length=400)] = ""


class SmsRequest(BaseModel):
    """``message_id`` makes a repeat harmless."""

    model_config = _CONFIG

    message_id: Annotated[str, Field(min_length=1, max_length=64, pattern=_PRINTABLE)]
    phone: Annotated[str, Field(max_length=20)] = Field(repr=False)
    template: Annotated[str, Field(max_length=32)]
    params: Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=20)] = Field(repr=False)


class SmsReply(BaseModel):
    """``code`` OK: taken; ``message_id`` is the request's."""

    model_config = _CONFIG

    code: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=200)] = ""
    message_id: Annotated[str, Field(max_length=64)] = ""
    biz_id: Annotated[str, Field(max_length=64)] = ""


def read_notice(model: type[M], body: bytes) -> M:
    """The message in *body*. Raises :class:`WireError` naming the wrong field, never its value."""
    try:
        return model.model_validate(read_object(body))
    except ValidationError as error:
        first = error.errors()[0]
        # Keys of ``data`` and ``params`` are the client's own words: only the fields of the interface are named.
        place = str(first["loc"][0]) if first["loc"] else "message"
        raise WireError(f"{place}: {first['msg']}") from None


def _body(message: BaseModel) -> bytes:
    values: dict[str, Any] = message.model_dump(exclude_defaults=True, exclude_none=True)
    return write_json(values)


def token_request(appid: str, secret: str) -> HttpRequest:
    query = urlencode({"grant_type": "client_credential", "appid": appid, "secret": secret})
    return HttpRequest("GET", f"{TOKEN}?{query}")


def send_request(token: str, message: TemplateMessage) -> HttpRequest:
    target = f"{SEND}?{urlencode({'access_token': token})}"
    return HttpRequest("POST", target, {"content-type": JSON_TYPE}, _body(message))


def sms_signature(key: str, timestamp: str, body: bytes) -> str:
    """*timestamp* is Unix time in seconds, as it stands in the header."""
    return hmac.new(key.encode(), timestamp.encode() + b"\n" + body, hashlib.sha256).hexdigest()


def sms_request(key: str, timestamp: int, message: SmsRequest) -> HttpRequest:
    body = _body(message)
    headers = {
        "content-type": JSON_TYPE,
        "x-sms-timestamp": str(timestamp),
        "x-sms-signature": sms_signature(key, str(timestamp), body),
    }
    return HttpRequest("POST", SMS, headers, body)


_LABELS: Mapping[str, Label] = {
    "touser": Label("接收者 openid", "receiver's openid"),
    "template_id": Label("模板编号", "template"),
    "url": Label("跳转链接", "link"),
    "miniprogram": Label("小程序", "mini program"),
    "client_msg_id": Label("防重编号", "id against repeats"),
    "data": Label("模板内容", "values"),
    "value": Label("内容", "value"),
    "color": Label("颜色", "colour"),
    "errcode": Label("错误码", "error code"),
    "errmsg": Label("错误信息", "error"),
    "msgid": Label("消息编号", "message number"),
    "access_token": Label("接口凭证", "access token"),
    "expires_in": Label("有效期（秒）", "expires in (s)"),
    "message_id": Label("消息编号", "message id"),
    "phone": Label("手机号", "phone"),
    "template": Label("短信模板", "template"),
    "params": Label("短信参数", "values"),
    "code": Label("结果码", "result"),
    "message": Label("结果说明", "message"),
    "biz_id": Label("回执编号", "receipt"),
}
_PRIVATE: Mapping[str, Privacy] = {
    "touser": Privacy.ID_NUMBER,
    "phone": Privacy.ID_NUMBER,
    "access_token": Privacy.KEY,
    "value": Privacy.NAME,
}


def tree(body: bytes) -> Node:
    """The fields of *body* with their names in two languages and their privacy, for traces. Never raises."""
    try:
        values = read_object(body)
    except WireError as error:
        return Node(
            "undecodable", Label("无法解析的通知报文", "notice that cannot be read"), body, str(error), Privacy.NAME
        )
    return Node("notice", Label("通知报文", "notice"), children=_nodes(values, Privacy.OPEN))


def _nodes(values: Mapping[str, Any], inside: Privacy) -> tuple[Node, ...]:
    found: list[Node] = []
    for name, value in values.items():
        label = _LABELS.get(name, Label(name[:32], name[:32]))
        if isinstance(value, dict):
            within = Privacy.NAME if name == "params" else inside
            found.append(Node(name, label, children=_nodes(value, within)))  # pyright: ignore[reportUnknownArgumentType]
        else:
            text = str(value)
            privacy = _PRIVATE.get(name, inside)
            found.append(Node(name, label, text.encode("utf-8", "replace"), text[:200], privacy))
    return tuple(found)
