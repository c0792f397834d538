"""Patients at the HIS: find one, make the real-name record at the first visit. Source: spec/services.md 2.1, operations 1 and 2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from protocols.wire.his.fields import Ask, Day, Id, IdNumber, Name, Phone, Told

__all__ = ["CreatePatient", "FindPatient", "Patient"]

MaybeCard = Annotated[str, Field(pattern=r"^([A-Z][0-9]{8})?$", json_schema_extra={"x-privacy": "card_number"})]
AnyNumber = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:-]+$", json_schema_extra={"x-privacy": "id_number"}),
]


class FindPatient(Ask):
    """``by`` the HIS's own number, the citizen number, or the number of the social security card."""

    by: Literal["patient_id", "id_no", "card_no"]
    value: AnyNumber


class CreatePatient(Ask):
    """Name and number are checked against each other; a record that is there already is given again."""

    id_no: IdNumber
    name: Name
    phone: Phone = ""
    card_no: MaybeCard = ""


class Patient(Told):
    """``gender`` 1 male, 2 female, 9 unstated; ``created`` true in the answer that made the record."""

    patient_id: Id
    name: Name
    id_no: IdNumber
    gender: Literal["1", "2", "9"]
    birth: Day
    created: bool = False
