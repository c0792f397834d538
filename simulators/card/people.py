"""Synthetic card holders. Nobody in here exists: area code 441900 of the specification, numbers made from a seed.

The check digit follows GB 11643 (ISO 7064 MOD 11-2), as spec/cards.md 5.2 gives it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from protocols.wire.base import Privacy
from simulators.card.bank_holder import NAMELESS, embossed_name, holder_number, pan_of

__all__ = ["DEFAULT_PERSON", "Person", "check_digit", "make_person", "secrets_of"]

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_NAME_BYTES = 0x1E
"""What record 09 holds of a name."""
_SURNAMES = ("测试", "样例", "演示", "虚拟")
_GIVEN = ("甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸")


@dataclass(frozen=True, slots=True)
class Person:
    """A holder and the card in their pocket.

    ``sex`` ``1`` male, ``2`` female, ``9`` unstated; ``nation`` GB/T 3304, two digits; ``birth``, ``issued`` and
    ``expires`` YYYYMMDD; ``serial`` the last four historical bytes and the serial number of the identification code,
    8 hexadecimal digits; ``category`` ``1``..``4`` (spec/cards.md 1.4, record 02).
    """

    name: str = "测试甲"
    id_number: str = "44190019900101001X"
    sex: str = "1"
    nation: str = "01"
    birth: str = "19900101"
    birthplace: str = "441900"
    card_number: str = "A00000001"
    pin: str = "123456"
    serial: str = "00000001"
    category: str = "3"
    issued: str = "20200101"
    expires: str = "20300101"


DEFAULT_PERSON = Person()
"""The holder of the specification's example records."""


def check_digit(first_17: str) -> str:
    """Check character of a citizen number. Raises ValueError unless *first_17* are seventeen digits."""
    if len(first_17) != 17 or not (first_17.isascii() and first_17.isdigit()):
        raise ValueError(f"seventeen digits are wanted, not {first_17!r}")
    return _CHECK[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first_17, strict=True)) % 11]


def make_person(seed: int) -> Person:
    """A person made from *seed*; seed 0 is :data:`DEFAULT_PERSON`. The same seed always gives the same person."""
    if seed == 0:
        return DEFAULT_PERSON
    draw = hashlib.sha256(f"person {seed}".encode()).digest()
    year, month, day = 1940 + draw[0] % 80, 1 + draw[1] % 12, 1 + draw[2] % 28
    birth = f"{year}{month:02d}{day:02d}"
    order = int.from_bytes(draw[3:5], "big") % 999 + 1
    first_17 = f"441900{birth}{order:03d}"
    number = int.from_bytes(draw[5:9], "big")
    return Person(
        name=_SURNAMES[draw[9] % len(_SURNAMES)] + _GIVEN[draw[10] % len(_GIVEN)] + _GIVEN[draw[11] % len(_GIVEN)],
        id_number=first_17 + check_digit(first_17),
        sex="1" if order % 2 else "2",
        nation=f"{1 + draw[12] % 56:02d}",
        birth=birth,
        card_number=f"A{number % 100_000_000:08d}",
        pin=f"{int.from_bytes(draw[13:17], 'big') % 1_000_000:06d}",
        serial=f"{number:08X}",
        category="4" if year < 1966 else "3" if year < 2000 else "2",
    )


def secrets_of(seed: int, people: Iterable[Person] = ()) -> tuple[tuple[Privacy, bytes], ...]:
    """Everything of the bench's test people that must not leave it: names, citizen and card numbers (those of their bank
    cards among them), as bytes.

    *seed* is the bench's; its people are the default one, that of :func:`make_person`, and *people*, whom its file
    names: their PINs too, and both parts of a name that goes on in record 4E.
    """
    found: list[tuple[Privacy, bytes]] = []
    named = tuple(people)
    for person in named:
        name = person.name.encode("gbk")
        parts = (name[:_NAME_BYTES], name[_NAME_BYTES:]) if len(name) > _NAME_BYTES else ()
        found += [(Privacy.NAME, part) for part in parts]
        found.append((Privacy.PIN, person.pin.encode("ascii")))
    for person in dict.fromkeys((DEFAULT_PERSON, make_person(seed), *named)):
        found += [
            (Privacy.NAME, person.name.encode("gbk")),
            (Privacy.NAME, person.name.encode("utf-8")),
            (Privacy.ID_NUMBER, person.id_number.encode("ascii")),
            (Privacy.CARD_NUMBER, person.card_number.encode("ascii")),
            (Privacy.CARD_NUMBER, pan_of(holder_number(person.card_number)).encode("ascii")),
        ]
        embossed = embossed_name(person.name)
        if embossed != NAMELESS:
            found.append((Privacy.NAME, embossed.encode("ascii")))
    return tuple(found)
