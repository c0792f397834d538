"""Codes that say who a citizen is, and the call that has one of them decoded by the local middle platform.

The medical insurance code and its call are public in parts (spec/services.md 1.8, spec/cards.md 7): 28 digits, ``424`` + 17
+ 2 + province + ``0000``; ``ec.query`` with orgId, transType and data; 500159 for what is no insurance code. The other three
codes and how they are decoded are not (assumption U4): one call for all of them, and this project's own forms, whose prefixes
can be set. ``ecQrCode`` carries the scanned text, and comes back in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.http import JSON_TYPE, HttpRequest
from protocols.wire.insurance.json_text import read_object, write_json

__all__ = [
    "BUSINESS_TYPES",
    "KIND_LABELS",
    "NOT_INSURANCE",
    "OK",
    "PATH",
    "PREFIXES",
    "REFUSALS",
    "TRANS_TYPES",
    "CredentialKind",
    "DecodeData",
    "DecodeReply",
    "DecodeRequest",
    "Holder",
    "decode_request",
    "kind_of",
    "read_decode_reply",
    "read_decode_request",
    "tree",
]

PATH = "/localcfc/api/hsecfc/localQrCodeQuery"


class CredentialKind(StrEnum):
    """The names that terminals use for what the citizen showed."""

    E_CREDENTIAL = "e_credential"
    SOCIAL_SECURITY = "electronic_social_security_card"
    HEALTH = "health_code"
    CITIZEN = "citizen_code"


KIND_LABELS: Mapping[CredentialKind, Label] = {
    CredentialKind.E_CREDENTIAL: Label("医保电子凭证", "medical insurance e-credential"),
    CredentialKind.SOCIAL_SECURITY: Label("电子社保卡", "electronic social security card"),
    CredentialKind.HEALTH: Label("电子健康码", "electronic health code"),
    CredentialKind.CITIZEN: Label("电子市民码", "electronic citizen code"),
}

PREFIXES: Mapping[str, CredentialKind] = {"SSC:": CredentialKind.SOCIAL_SECURITY, "CZM:": CredentialKind.CITIZEN}
"""Beginnings of the two codes whose form is not public; 32 hexadecimal digits in capitals follow."""

TRANS_TYPES: Mapping[str, CredentialKind] = {
    "ec.query": CredentialKind.E_CREDENTIAL,
    "cn.nhsa.qrcode.get": CredentialKind.E_CREDENTIAL,
    "essc.query": CredentialKind.SOCIAL_SECURITY,
    "ehc.query": CredentialKind.HEALTH,
    "ecc.query": CredentialKind.CITIZEN,
}
"""Which code a call wants. The last three words are this project's."""

_BUSINESS_TYPES = "01101 01102 01103 01104 01201 01202 01203 01204 01301 01302 02121 02122"
BUSINESS_TYPES = frozenset(_BUSINESS_TYPES.split(" "))
"""spec/services.md 1.6."""

OK, NOT_INSURANCE = 0, 500159

REFUSALS: Mapping[int, Label] = {
    500100: Label("报文无法解析", "the message cannot be read"),
    500101: Label("机构编号未登记或前后不一致", "the institution is not known, or differs within the message"),
    500102: Label("用码业务类型不在清单内", "the business type is not in the list"),
    500103: Label("交易类型未知", "the kind of transaction is not known"),
    500110: Label("登录已失效", "the session has expired"),
    NOT_INSURANCE: Label("不是医保码", "not a medical insurance code"),
    500160: Label("码已过期，请刷新后重新出示", "the code has expired: refresh it and show it again"),
    500161: Label("码已使用，请刷新后重新出示", "the code was used: refresh it and show it again"),
    500162: Label("不是该类型的码", "not a code of that kind"),
    500163: Label("查无此人", "nobody is known under that code"),
    500199: Label("中台拒绝", "the platform refuses"),
}
"""500159 is public; the others are this project's."""

_E_CREDENTIAL = re.compile(r"424[0-9]{19}[0-9]{2}0000")
_HEALTH = re.compile(r"[0-9A-F]{64}:[01]")
_BODY = re.compile(r"[0-9A-F]{32}")
_CONFIG = ConfigDict(
    extra="ignore",
    frozen=True,
    strict=True,
    hide_input_in_errors=True,
    alias_generator=to_camel,
    populate_by_name=True,
)
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"

Text20 = Annotated[str, Field(max_length=20, pattern=_PRINTABLE)]
Text30 = Annotated[str, Field(max_length=30, pattern=_PRINTABLE)]
Text64 = Annotated[str, Field(max_length=64, pattern=_PRINTABLE)]
Org = Annotated[str, Field(min_length=1, max_length=40, pattern=_PRINTABLE)]


def kind_of(code: str, prefixes: Mapping[str, CredentialKind] = PREFIXES) -> CredentialKind:
    """What kind of code that is. Raises :class:`WireError` saying what is wrong; the code is not repeated in it."""
    if _E_CREDENTIAL.fullmatch(code):
        return CredentialKind.E_CREDENTIAL
    if _HEALTH.fullmatch(code):
        return CredentialKind.HEALTH
    for prefix, kind in prefixes.items():
        if code.startswith(prefix) and _BODY.fullmatch(code[len(prefix) :]):
            return kind
    if code[:3].lower() == "opc":
        raise WireError("a code that begins with opc belongs to a platform package: show the code of the app")
    if not code.isascii():
        raise WireError("the code has characters of another width or script: set the scanner to plain ASCII")
    if code[:3] == "424" and code.isdecimal():
        raise WireError(f"a medical insurance code has 28 digits, this one has {len(code)}")
    raise WireError("neither a medical insurance code nor one of the other electronic codes")


class DecodeData(BaseModel):
    """``device_type`` is SelfService at a kiosk."""

    model_config = _CONFIG

    org_id: Org
    business_type: Annotated[str, Field(pattern=r"^[0-9]{5}$")]
    operator_id: Text64
    operator_name: Text64
    office_id: Text20
    office_name: Text30
    device_type: Text30
    ec_qr_code: Annotated[str, Field(min_length=1, max_length=128)]


class DecodeRequest(BaseModel):
    model_config = _CONFIG

    org_id: Org
    trans_type: Annotated[str, Field(max_length=40)]
    data: DecodeData


class Holder(BaseModel):
    """Who it is. ``id_type`` 01: resident identity card; ``ec_token`` goes into 1101 and is good for 300 s; it is there for
    insurance codes only."""

    model_config = _CONFIG

    user_name: Annotated[str, Field(min_length=1, max_length=50)] = Field(repr=False)
    id_no: Annotated[str, Field(pattern=r"^[0-9]{17}[0-9X]$")] = Field(repr=False)
    id_type: Annotated[str, Field(max_length=6)] = "01"
    insu_org: Annotated[str, Field(max_length=6)] = ""
    ec_index_no: Annotated[str, Field(max_length=64)] = Field(default="", repr=False)
    ec_token: Annotated[str, Field(max_length=64)] = Field(default="", repr=False)
    gender: Annotated[str, Field(max_length=6)] = ""
    birthday: Annotated[str, Field(max_length=10)] = Field(default="", repr=False)
    nationality: Annotated[str, Field(max_length=3)] = ""
    email: Annotated[str, Field(max_length=100)] = Field(default="", repr=False)
    chnl_id: Annotated[str, Field(max_length=32)] = ""
    ec_qr_code: Annotated[str, Field(max_length=128)] = Field(default="", repr=False)
    auth_no: Annotated[str, Field(max_length=64)] = Field(default="", repr=False)


class DecodeReply(BaseModel):
    model_config = _CONFIG

    code: int
    message: Annotated[str, Field(max_length=200)] = ""
    data: Holder | None = None


def _complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(each) for each in first['loc']) or 'message'}: {first['msg']}"


def read_decode_request(body: bytes) -> DecodeRequest:
    """Raises :class:`WireError` naming the wrong field, never its value."""
    try:
        return DecodeRequest.model_validate(read_object(body))
    except ValidationError as error:
        raise WireError(_complaint(error)) from None


def read_decode_reply(body: bytes) -> DecodeReply:
    """Raises :class:`WireError` naming the wrong field, never its value; also for code 0 without a holder."""
    try:
        reply = DecodeReply.model_validate(read_object(body))
    except ValidationError as error:
        raise WireError(_complaint(error)) from None
    if reply.code == OK and reply.data is None:
        raise WireError("data: a decoded code has a holder")
    return reply


def decode_request(message: DecodeRequest) -> HttpRequest:
    return HttpRequest("POST", PATH, {"content-type": JSON_TYPE}, write_json(message.model_dump(by_alias=True)))


_LABELS: Mapping[str, Label] = {
    "orgId": Label("机构编号", "institution"),
    "transType": Label("交易类型", "kind of transaction"),
    "businessType": Label("用码业务类型", "business type"),
    "operatorId": Label("操作员编号", "operator"),
    "operatorName": Label("操作员姓名", "operator's name"),
    "officeId": Label("科室编号", "department"),
    "officeName": Label("科室名称", "department's name"),
    "deviceType": Label("设备类型", "kind of device"),
    "ecQrCode": Label("码文本", "scanned text"),
    "data": Label("数据", "data"),
    "code": Label("返回码", "result"),
    "message": Label("返回信息", "message"),
    "userName": Label("姓名", "name"),
    "idNo": Label("证件号码", "identity number"),
    "idType": Label("证件类型", "kind of certificate"),
    "insuOrg": Label("参保地", "place of insurance"),
    "ecIndexNo": Label("电子凭证索引号", "index of the e-credential"),
    "ecToken": Label("电子凭证令牌", "token of the e-credential"),
    "gender": Label("性别", "sex"),
    "birthday": Label("出生日期", "birth"),
    "nationality": Label("国籍", "nationality"),
    "email": Label("电子邮箱", "email"),
    "chnlId": Label("渠道编号", "channel"),
    "authNo": Label("授权号", "authorization number"),
}
_PRIVATE: Mapping[str, Privacy] = {
    "ecQrCode": Privacy.CARD_NUMBER,
    "userName": Privacy.NAME,
    "idNo": Privacy.ID_NUMBER,
    "ecIndexNo": Privacy.CARD_NUMBER,
    "ecToken": Privacy.CARD_NUMBER,
    "birthday": Privacy.ID_NUMBER,
    "email": Privacy.NAME,
    "authNo": Privacy.CARD_NUMBER,
}


def tree(body: bytes) -> Node:
    """The fields of *body* with their names in two languages and their privacy, for traces. Never raises."""
    try:
        values = read_object(body)
    except WireError as error:
        label = Label("无法解析的电子凭证报文", "credential message that cannot be read")
        return Node("undecodable", label, body, str(error), Privacy.ID_NUMBER)
    return Node("credential", Label("电子凭证解码", "decoding of a credential"), children=_nodes(values))


def _nodes(values: Mapping[str, Any]) -> tuple[Node, ...]:
    found: list[Node] = []
    for name, value in values.items():
        label = _LABELS.get(name, Label(name[:32], name[:32]))
        if isinstance(value, dict):
            found.append(Node(name, label, children=_nodes(value)))  # pyright: ignore[reportUnknownArgumentType]
        else:
            text = str(value)
            found.append(
                Node(name, label, text.encode("utf-8", "replace"), text[:200], _PRIVATE.get(name, Privacy.OPEN))
            )
    return tuple(found)
