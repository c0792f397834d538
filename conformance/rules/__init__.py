"""The rule of each check in both languages: what would break it.

English is the docstring of the check after its clause ids, on one line and without marks for code; Chinese is its line in ``zh.yaml``, by check id.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import ConfigDict, Field, RootModel

from conformance.model import discover_checks
from protocols.wire.base import Label
from scenarios.strict_yaml import FileError, parse_model

__all__ = ["chinese_rules", "read_rules", "rule_of"]

_CLAUSE_ID = r"[A-Z]{2}(?:-[A-Z0-9]+)+-\d{2}"
_CLAUSE_IDS = re.compile(rf"^{_CLAUSE_ID}(?:, {_CLAUSE_ID})*: ")


class _File(RootModel[dict[str, Annotated[str, Field(min_length=1)]]]):
    model_config = ConfigDict(frozen=True)


def rule_of(check: Any) -> Label:
    """The rule of *check*, an instance of :class:`conformance.model.Check`.

    A check from outside the installed suites has no Chinese rule: both texts are then its English one, empty when it
    has no docstring. Raises :class:`scenarios.strict_yaml.FileError` when ``zh.yaml`` is wrong.
    """
    return _rule(type(check), check.id)


@cache
def _rule(kind: type[Any], check_id: str) -> Label:
    english = _CLAUSE_IDS.sub("", " ".join((kind.__doc__ or "").replace("``", "").split()))
    return Label(chinese_rules().get(check_id, english), english)


@cache
def chinese_rules() -> dict[str, str]:
    """The Chinese rules of the installed suites by check id. Raises :class:`scenarios.strict_yaml.FileError`."""
    file = files("conformance") / "rules" / "zh.yaml"
    return read_rules(file.read_text(encoding="utf-8"), {each.id for each in discover_checks()}, str(file))


def read_rules(text: str, known: Collection[str], where: str = "<text>") -> dict[str, str]:
    """Rules by check id from YAML *text*.

    Raises :class:`scenarios.strict_yaml.FileError` for a doubled id, an id that is not in *known*, and a rule that is
    empty or no text.
    """
    rules = parse_model(text, _File, where).root
    stale = [each for each in rules if each not in known]
    if stale:
        lines = {line.partition(":")[0].strip("\"' "): number for number, line in enumerate(text.splitlines(), 1)}
        raise FileError(
            where,
            [
                (lines.get(each, 1), f"没有此检查项 / no check {each!r}: remove its rule or correct the id")
                for each in stale
            ],
        )
    return rules
