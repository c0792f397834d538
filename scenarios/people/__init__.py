"""Test people in files: who holds a card of the bench. All of them are synthetic, and the checks here keep them so.

A file of this folder is named without folder and suffix (``person: long-name``, ``insert 3.0/long-name``), any other by
its path from the bench file.
"""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scenarios.profiles.device_class import Strict
from scenarios.strict_yaml import FileError, load_model
from simulators.card.people import DEFAULT_PERSON, Person, check_digit

__all__ = ["PersonFile", "find_person", "people_files", "shipped_people"]

HERE = Path(__file__).resolve().parent

RESERVED_AREA = "441900"
"""The only area code that test people have: the one of the specification's examples."""

NAME_LEAST_CHARACTERS = 3
NAME_MOST_BYTES = 0x1E + 0x14
"""Records 09 and 4E together (spec/cards.md 1.4)."""

ONE_RECORD_BYTES = 0x1E
NATIONS = frozenset(f"{n:02d}" for n in (*range(1, 57), 97, 98))


def _in_quotes(value: Any) -> Any:
    if isinstance(value, int | float | date):
        raise ValueError('请加引号 / put it in quotes, for example "01": YAML takes it for a number or date')
    return value


def _digits(count: int) -> Any:
    return Annotated[str, BeforeValidator(_in_quotes), Field(pattern=rf"^[0-9]{{{count}}}$")]


def _one_of(*values: str) -> Any:
    return Annotated[Literal[values], BeforeValidator(_in_quotes)]


class PersonFile(Strict):
    """A synthetic card holder. What is left out is that of the specification's example, 测试甲."""

    name: str
    id_number: Annotated[str, BeforeValidator(_in_quotes), Field(pattern=r"^[0-9]{17}[0-9X]$")]
    sex: _one_of("1", "2", "9") = DEFAULT_PERSON.sex
    nation: _digits(2) = DEFAULT_PERSON.nation
    birthplace: _digits(6) = DEFAULT_PERSON.birthplace
    birth: _digits(8)
    card_number: Annotated[str, BeforeValidator(_in_quotes), Field(pattern=r"^[A-Z][0-9]{8}$")]
    pin: _digits(6) = DEFAULT_PERSON.pin
    serial: Annotated[str, BeforeValidator(_in_quotes), Field(pattern=r"^[0-9A-F]{8}$")] = DEFAULT_PERSON.serial
    category: _one_of("1", "2", "3", "4") = DEFAULT_PERSON.category
    issued: _digits(8) = DEFAULT_PERSON.issued
    expires: _digits(8) = DEFAULT_PERSON.expires
    generation: _one_of("", "1.0", "2.0", "3.0") = ""
    """The card in their pocket; empty: any."""

    @field_validator("name")
    @classmethod
    def _name_fits_the_card(cls, value: str) -> str:
        if len(value) < NAME_LEAST_CHARACTERS:
            raise ValueError(
                "姓名至少三个字 / at least three characters: a shorter one cannot be told from chance in a trace"
            )
        try:
            size = len(value.encode("gbk"))
        except UnicodeEncodeError as error:
            raise ValueError(f"{value[error.start]!r} 不在 GBK 中 / is not in GBK, which the card uses") from None
        if size > NAME_MOST_BYTES:
            raise ValueError(f"姓名过长 / {size} bytes of GBK; records 09 and 4E hold {NAME_MOST_BYTES}")
        return value

    @field_validator("id_number")
    @classmethod
    def _number_is_synthetic(cls, value: str) -> str:
        if not value.startswith(RESERVED_AREA):
            raise ValueError(f"只用保留地区 / test people live in the reserved area only: begin with {RESERVED_AREA}")
        right = check_digit(value[:17])
        if value[17] != right:
            raise ValueError(
                f"校验码应为 / the check digit must be {right}, not {value[17]}: write {value[:17]}{right}"
            )
        return value

    @field_validator("nation")
    @classmethod
    def _nation_exists(cls, value: str) -> str:
        if value not in NATIONS:
            raise ValueError("GB/T 3304 民族代码 / nations of GB/T 3304 are 01 to 56, 97 and 98")
        return value

    @field_validator("birth", "issued", "expires")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        try:
            date(int(value[:4]), int(value[4:6]), int(value[6:]))
        except ValueError as error:
            raise ValueError(f"不是日期 / {value} is no day YYYYMMDD: {error}") from None
        return value

    @field_validator("pin")
    @classmethod
    def _pin_can_be_told(cls, value: str) -> str:
        if len(set(value)) == 1:
            raise ValueError("密码各位不能全同 / all digits alike: it could not be told from padding in a trace")
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PersonFile:
        if self.id_number[6:14] != self.birth:
            raise ValueError(
                f"birth {self.birth} 与证件号码不符 / id_number says {self.id_number[6:14]}: make them agree"
            )
        by_number = "1" if int(self.id_number[16]) % 2 else "2"
        if self.sex not in (by_number, "9"):
            raise ValueError(f"sex {self.sex} 与证件号码不符 / id_number says {by_number}: make them agree")
        if self.expires <= self.issued:
            raise ValueError(f"expires {self.expires} 早于发卡 / is not after issued {self.issued}")
        if self.generation == "1.0" and len(self.name.encode("gbk")) > ONE_RECORD_BYTES:
            raise ValueError("一代卡没有姓名扩展 / a 1.0 card has no record 4E for so long a name: use 2.0 or 3.0")
        return self

    @property
    def person(self) -> Person:
        """The holder as the virtual cards want them."""
        return Person(**{each.name: getattr(self, each.name) for each in dataclasses.fields(Person)})


def people_files() -> list[Path]:
    """The people that come with the project."""
    return sorted(HERE.glob("*.yaml"))


def shipped_people() -> dict[str, PersonFile]:
    """The people that come with the project, by the name of their file."""
    return {path.stem: load_model(path, PersonFile) for path in people_files()}


def find_person(reference: str, folder: Path) -> PersonFile:
    """The person that *reference* names, from *folder*. Raises :class:`scenarios.strict_yaml.FileError`."""
    if "/" in reference or reference.endswith(".yaml"):
        return load_model(folder / reference, PersonFile)
    path = HERE / f"{reference}.yaml"
    if not path.is_file():
        known = ", ".join(each.stem for each in people_files())
        raise FileError(
            reference, [(1, f"没有此人 / nobody of that name; known: {known}; others by path, such as ./me.yaml")]
        )
    return load_model(path, PersonFile)
