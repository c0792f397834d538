"""The clause catalogue: every clause of the source documents, in both languages, as data in ``conformance/clauses``.

A clause file holds groups; a group gives the source document, its section and the terminal profiles of its clauses::

    groups:
      - document: DG
        section: "三(二)5(1)"
        profiles: [dongguan-wall-2020]
        clauses:
          - id: DG-W20-14
            zh: ...
            en: ...
            limit_zh: ...            # both limits or none
            limit_en: ...
            methods: [T]
            same_as: [DG-WXC-06]     # only where the document says "as there"
            reason_not_tested_zh: ...
            reason_not_tested_en: ...

Source of the rows: spec/requirements.md. Files are read in order of name, which is the order of that document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from protocols.wire.base import Label
from scenarios.profiles import profile_ids
from scenarios.strict_yaml import FileError, parse_model

__all__ = ["DOCUMENT_LABELS", "METHOD_LABELS", "Clause", "catalogue", "clauses_of", "read_catalogue"]

METHOD_LABELS: dict[str, Label] = {
    "T": Label("自动测试", "automated test"),
    "M": Label("自动测量", "automated measurement"),
    "H": Label("主机探针", "host probe"),
    "I": Label("引导式检查", "guided inspection"),
    "D": Label("文件核对", "document check"),
}
"""How a clause is verified (spec/requirements.md). One verified only by I or D is never tested automatically."""

DOCUMENT_LABELS: dict[str, Label] = {
    "DG": Label("东莞诊疗一卡通采购需求书", "Dongguan one-card tender"),
    "BJ": Label("北京社会保障卡系统运维合同", "Beijing social security card operations contract"),
    "BK": Label("北京社会保障卡自助终端运维细则", "Beijing kiosk operating rules"),
    "LL": Label("吕梁自助式医保便民服务点地方标准", "Luliang standard for self-service insurance points"),
    "YH": Label("余杭综合自助办事服务机管理办法", "Yuhang rules for integrated service machines"),
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause. ``profiles`` is empty for services and operations; ``reason_not_tested`` is shown only while no
    check cites the clause; ``same_as`` lists the clauses it refers to."""

    id: str
    text: Label
    limit: Label | None
    methods: tuple[str, ...]
    profiles: tuple[str, ...]
    document: str
    section: str
    reason_not_tested: Label
    same_as: tuple[str, ...] = ()

    @property
    def automatic(self) -> bool:
        """True when a program can decide at least a part of it: not verified only by inspection or on paper."""
        return any(method in "TMH" for method in self.methods)


def _known_profile(value: str) -> str:
    if value not in profile_ids():
        raise ValueError(f"unknown profile {value!r}; use one of {', '.join(profile_ids())}")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Text = Annotated[str, Field(min_length=1)]


class _Row(_Strict):
    id: Annotated[str, Field(pattern=r"^(DG|BJ|BK|LL|YH)(-[A-Z0-9]+)+-\d{2}$")]
    zh: _Text
    en: _Text
    limit_zh: _Text | None = None
    limit_en: _Text | None = None
    methods: Annotated[tuple[Literal["T", "M", "H", "I", "D"], ...], Field(min_length=1)]
    same_as: tuple[str, ...] = ()
    reason_not_tested_zh: _Text
    reason_not_tested_en: _Text

    @model_validator(mode="after")
    def _is_whole(self) -> _Row:
        if (self.limit_zh is None) != (self.limit_en is None):
            raise ValueError("limit_zh and limit_en belong together: give both or none")
        if len(set(self.methods)) != len(self.methods):
            raise ValueError("a method is listed twice: keep it once")
        return self


class _Group(_Strict):
    document: Literal["DG", "BJ", "BK", "LL", "YH"]
    section: _Text
    profiles: tuple[Annotated[str, AfterValidator(_known_profile)], ...]
    clauses: Annotated[tuple[_Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_belong_to_the_document(self) -> _Group:
        for row in self.clauses:
            if not row.id.startswith(f"{self.document}-"):
                raise ValueError(f"{row.id} is not a clause of document {self.document}: move it or correct its id")
        return self


class _File(_Strict):
    groups: Annotated[tuple[_Group, ...], Field(min_length=1)]


@cache
def catalogue() -> dict[str, Clause]:
    """Every clause by id, in order of the requirement catalogue. Raises FileError naming file and line."""
    return read_catalogue(files("conformance") / "clauses")


def clauses_of(profile: str) -> tuple[Clause, ...]:
    """The clauses of one terminal profile. Raises KeyError for an unknown profile."""
    if profile not in profile_ids():
        raise KeyError(f"unknown profile {profile!r}; known: {', '.join(profile_ids())}")
    return tuple(each for each in catalogue().values() if profile in each.profiles)


def read_catalogue(folder: Traversable) -> dict[str, Clause]:
    """Read every clause file of *folder*.

    Raises :class:`scenarios.strict_yaml.FileError` for unknown keys, methods or profiles, for a doubled id, and for a
    reference that leads nowhere or whose methods differ from those of the clauses it refers to.
    """
    found: dict[str, Clause] = {}
    origin: dict[str, tuple[str, int]] = {}
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".yaml"):
            continue
        text = file.read_text(encoding="utf-8")
        lines = _lines_of_ids(text)
        for clause in _clauses(parse_model(text, _File, str(file))):
            line = next(lines[clause.id])
            if clause.id in found:
                first = "{}:{}".format(*origin[clause.id])
                raise FileError(
                    str(file), [(line, f"条款编号重复 / clause {clause.id} is already in {first}: keep one")]
                )
            found[clause.id], origin[clause.id] = clause, (str(file), line)
    for clause in found.values():
        _check_references(clause, found, *origin[clause.id])
    return found


def _clauses(parsed: _File) -> Iterator[Clause]:
    for group in parsed.groups:
        for row in group.clauses:
            limited = row.limit_zh is not None and row.limit_en is not None
            yield Clause(
                id=row.id,
                text=Label(row.zh, row.en),
                limit=Label(str(row.limit_zh), str(row.limit_en)) if limited else None,
                methods=row.methods,
                profiles=group.profiles,
                document=group.document,
                section=group.section,
                reason_not_tested=Label(row.reason_not_tested_zh, row.reason_not_tested_en),
                same_as=row.same_as,
            )


def _lines_of_ids(text: str) -> dict[str, Iterator[int]]:
    """For each id the lines that bear it, in order, so that the second of two equal ids is named and not the first."""
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"""\bid["']?:\s*["']?([A-Z0-9-]+)""", line)
        if match:
            lines.setdefault(match[1], []).append(number)
    return {each: iter(numbers) for each, numbers in lines.items()}


def _check_references(clause: Clause, found: dict[str, Clause], file: str, line: int) -> None:
    missing = [each for each in clause.same_as if each not in found]
    if missing:
        raise FileError(
            file, [(line, f"引用的条款不存在 / {clause.id} refers to {missing[0]}, which is not in the catalogue")]
        )
    wanted = {method for each in clause.same_as for method in found[each].methods}
    if wanted and wanted != set(clause.methods):
        have = "".join(sorted(wanted))
        raise FileError(
            file, [(line, f"验证方法不一致 / methods of {clause.id} differ from those of its references: write {have}")]
        )
