"""Has a citizen's code decoded: from one scanned line to name, citizen number and, of an insurance code, the token for 1101.

The code and whom it names are personal: they are in no exception text and no ``repr``. Source: spec/services.md 1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.wire.base import Label, WireError
from protocols.wire.credential import (
    KIND_LABELS,
    NOT_INSURANCE,
    OK,
    PREFIXES,
    REFUSALS,
    TRANS_TYPES,
    CredentialKind,
    DecodeData,
    DecodeRequest,
    decode_request,
    kind_of,
    read_decode_reply,
)
from reference_impl.backend.transport import HttpTransport, NoAnswer

__all__ = ["CredentialClient", "CredentialRefused", "CredentialUnavailable", "Decoded"]

PEER = "credential"
LIMIT_S = 10.0
REGISTRATION, SETTLEMENT = "01101", "01301"
"""What a code is used for at a kiosk (spec/services.md 1.6)."""

_CALLS: Mapping[CredentialKind, str] = {kind: name for name, kind in reversed(list(TRANS_TYPES.items()))}


class CredentialRefused(Exception):
    """The code is not taken; ``code`` is the platform's number (0: refused before it was sent), ``text`` what to tell the
    citizen."""

    def __init__(self, code: int, text: Label) -> None:
        super().__init__(f"credential refused ({code}): {text.en}")
        self.code, self.text = code, text


class CredentialUnavailable(Exception):
    """Nothing came back that can be believed. The code may be used up all the same: another one has to be shown."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """``token`` goes into 1101 as mdtrt_cert_no of type 01, within 300 s; empty unless it was an insurance code."""

    kind: CredentialKind
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    token: str = field(default="", repr=False)


class CredentialClient:
    """*prefixes*: beginnings of the codes whose form is not public."""

    def __init__(
        self, transport: HttpTransport, prefixes: Mapping[str, CredentialKind] = PREFIXES, limit_s: float = LIMIT_S
    ) -> None:
        self._transport, self._prefixes, self._limit_s = transport, prefixes, limit_s

    async def decode(
        self,
        code: str,
        *,
        institution: str,
        terminal_id: str,
        business_type: str = REGISTRATION,
        expected: CredentialKind | None = None,
    ) -> Decoded:
        """Who has shown *code* at *terminal_id*. *expected*: the kind that the citizen chose to show.

        Raises :class:`CredentialRefused` and :class:`CredentialUnavailable`. It is sent once: a code is good for one time,
        so a second try could only be refused.
        """
        kind = self._kind(code, expected)
        message = DecodeRequest(
            org_id=institution,
            trans_type=_CALLS[kind],
            data=DecodeData(
                org_id=institution,
                business_type=business_type,
                operator_id=terminal_id,
                operator_name=terminal_id,
                office_id="SELF",
                office_name="自助服务",
                device_type="SelfService",
                ec_qr_code=code,
            ),
        )
        try:
            reply = await self._transport.exchange(PEER, decode_request(message), self._limit_s)
        except NoAnswer:
            raise CredentialUnavailable("the decoding platform has not answered: show a fresh code") from None
        if reply.status != 200:
            raise CredentialUnavailable(f"the decoding platform answered with HTTP {reply.status}")
        try:
            answer = read_decode_reply(reply.body)
        except WireError as error:
            raise CredentialUnavailable(f"the decoding platform's answer cannot be read: {error.why}") from None
        if answer.code != OK or answer.data is None:
            unknown = Label("解码平台拒绝", "the decoding platform refuses")
            raise CredentialRefused(answer.code, REFUSALS.get(answer.code, unknown))
        if answer.data.ec_qr_code not in ("", code):
            raise CredentialUnavailable("the decoding platform's answer is about another code")
        holder = answer.data
        return Decoded(kind, holder.user_name, holder.id_no, holder.ec_token)

    def _kind(self, code: str, expected: CredentialKind | None) -> CredentialKind:
        try:
            kind = kind_of(code, self._prefixes)
        except WireError as error:
            if expected is CredentialKind.E_CREDENTIAL:
                raise CredentialRefused(NOT_INSURANCE, REFUSALS[NOT_INSURANCE]) from None
            raise CredentialRefused(0, Label("无法识别的码，请刷新后重新出示", error.why)) from None
        if expected is not None and kind is not expected:
            found, wanted = KIND_LABELS[kind], KIND_LABELS[expected]
            text = Label(f"出示的是{found.zh}，不是{wanted.zh}", f"this is a {found.en}, not a {wanted.en}")
            raise CredentialRefused(0, text)
        return kind
