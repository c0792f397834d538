"""Patients of the HIS: operations 1 and 2 of spec/services.md 2.1. Who is in the city can have a record, and nobody else."""

from __future__ import annotations

from protocols.wire.his.people_messages import CreatePatient, FindPatient, Patient
from protocols.wire.his.refusals import Refused
from simulators.peer.city import Resident
from simulators.peer.his_house import Asked, House

__all__ = ["create_patient", "find_patient"]


def find_patient(house: House, asked: Asked, message: FindPatient) -> Patient:
    """1."""
    city = house.city
    find = {"patient_id": city.by_patient_id, "id_no": city.by_id_number, "card_no": city.by_card_number}[message.by]
    found = find(message.value)
    if found is None or not house.has_record(asked.clinic, asked.institution, found):
        raise Refused("patient-unknown", "value")
    return _patient(found, created=False)


def create_patient(house: House, asked: Asked, message: CreatePatient) -> Patient:
    """2: name and number must belong together; a record that is there is given again."""
    found = house.city.by_id_number(message.id_no)
    if found is None:
        raise Refused("person-unknown", "id_no")
    if found.person.name != message.name:
        raise Refused("name-differs", "name")
    if message.card_no and house.city.by_card_number(message.card_no) != found:
        raise Refused("name-differs", "card_no")
    again = house.made_before(asked) is not None
    created = again or not house.has_record(asked.clinic, asked.institution, found)
    if created and not again:
        event = {"e": "patient", "inst": asked.institution, "patient": found.patient_id}
        house.emit(asked, event, found.patient_id)
    return _patient(found, created=created)


def _patient(resident: Resident, *, created: bool) -> Patient:
    person = resident.person
    birth = person.birth
    return Patient(
        patient_id=resident.patient_id,
        name=person.name,
        id_no=person.id_number,
        gender=person.sex,  # pyright: ignore[reportArgumentType]  # one of the three, as the card says
        birth=f"{birth[:4]}-{birth[4:6]}-{birth[6:]}",
        created=created,
    )
