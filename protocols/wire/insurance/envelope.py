"""The envelope of a request and of a reply (spec/services.md 1.1, 1.2), read from bytes and written to bytes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from protocols.wire.base import WireError
from protocols.wire.http import MAX_BODY_BYTES
from protocols.wire.insurance.fields import (
    Division,
    Infcode,
    Moment,
    Must6,
    Must10,
    Must30,
    Must50,
    Must200,
    Part,
    Text6,
    Text10,
    Text20,
    Text30,
    Text100,
    Text200,
    Text1024,
    Text2000,
    read,
    write,
)
from protocols.wire.insurance.json_text import read_object, write_json

__all__ = ["FAILURE", "MOST_INPUT_CHARACTERS", "SUCCESS", "Reply", "Request", "read_reply", "read_request", "to_bytes"]

SUCCESS, FAILURE = "0", "-1"
MOST_INPUT_CHARACTERS = 40_000
"""Of ``input``, files apart."""


class Request(Part):
    """``opter_type`` 1 staff, 2 self-service terminal, 3 mobile; ``sign_no`` is required after 9001; ``insuplc_admdvs`` once
    the input holds a psn_no."""

    infno: Annotated[str, Field(pattern=r"^[0-9]{4}[0-9A-Z]{0,2}$")]
    msgid: Must30
    mdtrtarea_admvs: Division
    insuplc_admdvs: Text6 = ""
    recer_sys_code: Must10
    dev_no: Text100 = ""
    dev_safe_info: Text2000 = ""
    cainfo: Text1024 = ""
    signtype: Text10 = ""
    infver: Must6
    opter_type: Annotated[str, Field(pattern=r"^[123]$")]
    opter: Must30
    opter_name: Must50
    inf_time: Moment
    fixmedins_code: Must30
    fixmedins_name: Must200
    sign_no: Text30 = ""
    fixmedins_soft_fcty: Text200 = ""
    enc_type: Text10 = ""
    input: dict[str, Any]


class Reply(Part):
    """``infcode`` 0 or -1 and nothing else; ``output`` is absent where the platform only acknowledges."""

    infcode: Infcode
    inf_refmsgid: Text30 = ""
    refmsg_time: Text20 = ""
    respond_time: Text20 = ""
    err_msg: Text2000 = ""
    warn_msg: Text2000 = ""
    enctype: Text10 = ""
    signtype: Text10 = ""
    cainfo: Text1024 = ""
    output: dict[str, Any] | None = None


def read_request(body: bytes) -> Request:
    """Raises :class:`WireError` for a body that is no request of this interface."""
    if len(body) > MAX_BODY_BYTES:
        raise WireError("the body is too large")
    return read(Request, read_object(body))


def read_reply(body: bytes) -> Reply:
    """Raises :class:`WireError` for a body that is no reply of this interface."""
    return read(Reply, read_object(body))


def to_bytes(part: Request | Reply) -> bytes:
    """The body of a message; optional fields without a value are left out."""
    return write_json(write(part, sparse=True))
