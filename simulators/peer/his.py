"""A community HIS as a peer, with two faces: ``his`` speaks this project's JSON, ``his_xml`` the XML of another vendor.

One core stands behind both (spec/services.md 2): patients, slots and bookings, bills, trades with locks that let go by themselves,
refunds, the list of a day, e-bills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from protocols.wire.base import Label
from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer.base import Journal, PeerKind, PeerOptions
from simulators.peer.city import City
from simulators.peer.his_bills import Bills
from simulators.peer.his_clinic import Clinic
from simulators.peer.his_core import MOST_VIOLATIONS, HisPeer
from simulators.peer.his_doors import Door, JsonDoor, XmlDoor
from simulators.peer.his_gate import Gate
from simulators.peer.his_house import House
from simulators.peer.his_terms import SETTINGS, his_terms

__all__ = ["PEER", "make"]


def make(
    door: Callable[[str], Door], options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]
) -> HisPeer:
    """A HIS behind *door* that has seen *events*. Raises ValueError for a setting that means nothing."""
    terms, violations = his_terms(options), list[str]()
    city = City(towns=terms.towns, clinics=terms.clinics, kiosks=terms.kiosks)

    def report(text: str) -> None:
        if len(violations) < MOST_VIOLATIONS:
            violations.append(text)

    clinic = Clinic(options.seed)
    house = House(terms, city, clinic, Bills(clinic, options.seed), options.seed, journal, report)
    for event in events:
        house.records.apply(event)
    return HisPeer(house, Gate(terms.window_s), door(terms.secret), violations)


PEER: tuple[PeerKind[HttpRequest, HttpReply], ...] = (
    PeerKind("his", Label("社区卫生系统（JSON接口）", "HIS, JSON"), "http", partial(make, JsonDoor), SETTINGS),
    PeerKind(
        "his_xml",
        Label("社区卫生系统（XML厂商接口）", "HIS of another vendor, XML"),
        "http",
        partial(make, XmlDoor),
        SETTINGS,
    ),
)
