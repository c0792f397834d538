"""Who shows which credential: decoded where it is a code, asked for at the insurance, looked up at the HIS.

Source: spec/services.md 1.8 (credentials and the certificate types 01, 02, 03), DG-SVC-ID-01..07.
"""

from __future__ import annotations

from dataclasses import replace

from protocols.clock import Clock
from protocols.wire.credential import CredentialKind
from protocols.wire.platform.models import Credential, Visitor
from reference_impl.backend.channels.credential_client import CredentialClient
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.channels.insurance_client import Party
from reference_impl.backend.channels.insurance_queries import InsuranceQueries, InsuredPerson, RefusedByCentre
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.identity.visitors import VISIT_S, VisitorRecord, Visitors
from reference_impl.backend.peers import answers
from reference_impl.backend.problems import ProblemError, ProblemKind

__all__ = ["IDENTITY_PROBLEMS", "IdentityService", "masked_name", "masked_number", "party_of"]

CREDENTIAL_INCOMPLETE = ProblemKind(
    "credential-incomplete", 422, "凭证信息不完整", "A card carries number and name, a code carries the code."
)
NAME_NOT_GBK = ProblemKind(
    "name-not-gbk",
    422,
    "姓名含系统无法处理的字",
    "The name has a character that HIS and printer cannot write: ask at the counter.",
)
NAME_DIFFERS = ProblemKind("name-differs", 409, "姓名与证件号不符", "Name and number do not belong together.")

IDENTITY_PROBLEMS = (CREDENTIAL_INCOMPLETE, NAME_NOT_GBK, NAME_DIFFERS)

E_CREDENTIAL, ID_CARD, SOCIAL_SECURITY_CARD = "01", "02", "03"
_CARDS = frozenset({"social_security_card", "resident_id"})
NOT_INSURED = frozenset({"unknown-person", "not-insured"})
"""Codes with which the centre says that somebody is not insured: they pay themselves."""


def masked_name(name: str) -> str:
    """The first character: the citizen recognises it, a bystander does not."""
    return name[:1] + "*" * max(len(name) - 1, 1)


def masked_number(number: str) -> str:
    return f"{number[:4]}{'*' * max(len(number) - 8, 4)}{number[-4:]}" if len(number) > 8 else "****"


def party_of(teller: Teller, insuplc: str = "") -> Party:
    """As whom the insurance is asked for a terminal."""
    return Party(teller.institution, teller.institution_name, teller.terminal_id, insuplc=insuplc)


class IdentityService:
    """Every method puts the access on record before it answers."""

    def __init__(
        self,
        visitors: Visitors,
        his: HisClient,
        insurance: InsuranceQueries,
        credentials: CredentialClient,
        clock: Clock,
    ) -> None:
        self._visitors, self._his, self._insurance = visitors, his, insurance
        self._credentials, self._clock = credentials, clock

    async def identify(self, teller: Teller, shown: Credential) -> Visitor:
        """Raises :class:`ProblemError`."""
        with answers():
            record = await (self._by_card if shown.kind in _CARDS else self._by_code)(teller, shown)
            patient = await self._his.find_patient(teller.institution, "id_no", record.id_number)
        record = replace(record, patient_id=patient.patient_id if patient else "")
        self._visitors.keep(record)
        await teller.noted("person.identified", record.id_number, {"credential": shown.kind})
        return _shown(record)

    async def create_record(self, teller: Teller, visitor_id: str, phone: str | None) -> Visitor:
        """A real-name record at the first visit."""
        record = self._visitors.at(teller.terminal_id, visitor_id)
        with answers():
            patient = await self._his.create_patient(
                teller.institution,
                f"record-{record.visitor_id}",
                id_no=record.id_number,
                name=record.name,
                phone=phone or "",
                card_no=record.card_number,
            )
        await teller.noted("patient.record-created", patient.patient_id, {})
        return _shown(self._visitors.keep(replace(record, patient_id=patient.patient_id)))

    async def _by_card(self, teller: Teller, shown: Credential) -> VisitorRecord:
        if not shown.id_number or not shown.name:
            raise ProblemError(CREDENTIAL_INCOMPLETE, where="credential")
        _must_be_gbk(shown.name)
        if shown.kind == "social_security_card":
            certificate, number = SOCIAL_SECURITY_CARD, shown.card_number
            if not number:
                raise ProblemError(CREDENTIAL_INCOMPLETE, where="credential.card_number")
        else:
            certificate, number = ID_CARD, shown.id_number
        return await self._insured(teller, shown.kind, (certificate, number), shown.id_number, shown.name, shown)

    async def _by_code(self, teller: Teller, shown: Credential) -> VisitorRecord:
        if not shown.code:
            raise ProblemError(CREDENTIAL_INCOMPLETE, where="credential.code")
        decoded = await self._credentials.decode(
            shown.code,
            institution=teller.institution,
            terminal_id=teller.terminal_id,
            expected=CredentialKind(shown.kind),
        )
        _must_be_gbk(decoded.name)
        certificate = (E_CREDENTIAL, decoded.token) if decoded.token else (ID_CARD, decoded.id_number)
        return await self._insured(teller, shown.kind, certificate, decoded.id_number, decoded.name, shown)

    async def _insured(
        self, teller: Teller, kind: str, certificate: tuple[str, str], id_number: str, name: str, shown: Credential
    ) -> VisitorRecord:
        person = await self._person(teller, certificate, id_number, name, shown)
        if person is not None and person.name != name:
            raise ProblemError(NAME_DIFFERS)
        return VisitorRecord(
            visitor_id=self._visitors.new_id(),
            terminal_id=teller.terminal_id,
            institution=teller.institution,
            kind=kind,
            name=name,
            id_number=id_number,
            card_number=shown.card_number,
            certificate=certificate,
            psn_no=person.psn_no if person else "",
            insutype=person.insutype if person else "",
            insuplc=person.insuplc if person else "",
            account_fen=person.account_fen if person else 0,
            patient_id="",
            expires_at=self._clock.now() + VISIT_S,
        )

    async def _person(
        self, teller: Teller, certificate: tuple[str, str], id_number: str, name: str, shown: Credential
    ) -> InsuredPerson | None:
        """None for who is not insured: they pay themselves."""
        kind, number = certificate
        try:
            person = await self._insurance.person(
                party_of(teller),
                kind,  # type: ignore[arg-type]  # one of the three constants
                number,
                card_sn=shown.card_sn if kind == SOCIAL_SECURITY_CARD else "",
                id_number=id_number,
                name=name,
            )
        except RefusedByCentre as refused:
            if refused.code in NOT_INSURED:
                return None
            raise
        return person if person.insutype else None


def _must_be_gbk(name: str) -> None:
    try:
        name.encode("gbk")
    except UnicodeEncodeError:
        raise ProblemError(NAME_NOT_GBK, where="credential.name") from None


def _shown(record: VisitorRecord) -> Visitor:
    return Visitor(
        visitor_id=record.visitor_id,
        patient_id=record.patient_id,
        name=masked_name(record.name),
        id_number=masked_number(record.id_number),
        record=bool(record.patient_id),
        insured=bool(record.insutype),
        insutype=record.insutype,
        account_fen=record.account_fen,
        expires_at=record.expires_at,
    )
