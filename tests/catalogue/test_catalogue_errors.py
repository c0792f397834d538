"""A broken clause file is refused, with file, line and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.catalogue import read_catalogue
from scenarios.strict_yaml import FileError

GOOD = """\
groups:
  - document: DG
    section: "1"
    profiles: [dongguan-wall-xc]
    clauses:
      - id: DG-WXC-24
        zh: "卡座。"
        en: "Sockets."
        methods: [T]
        reason_not_tested_zh: "尚未提供。"
        reason_not_tested_en: "Not built."
"""

SECOND = GOOD.replace("DG-WXC-24", "DG-WXC-25")


def _read(tmp_path: Path, text: str, name: str = "a.yaml") -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    read_catalogue(tmp_path)


def test_the_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(SECOND, encoding="utf-8")
    assert list(read_catalogue(tmp_path)) == ["DG-WXC-24", "DG-WXC-25"]


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (lambda text: text.replace("methods: [T]", "methods: [X]"), 9, "'T', 'M', 'H', 'I' or 'D'"),
        (lambda text: text.replace("methods: [T]", "methods: [T, T]"), 6, "listed twice"),
        (lambda text: text.replace("methods: [T]", "methods: []"), 9, "at least 1"),
        (lambda text: text.replace("methods: [T]", "method: [T]"), 9, "did you mean 'methods'"),
        (lambda text: text.replace("[dongguan-wall-xc]", "[dongguan-wall]"), 4, "use one of beijing-touch"),
        (lambda text: text.replace("DG-WXC-24", "DG-WXC-4"), 6, "pattern"),
        (lambda text: text.replace("DG-WXC-24", "BJ-WXC-24"), 2, "not a clause of document DG"),
        (lambda text: text.replace('zh: "卡座。"', 'zh: ""'), 7, "at least 1 character"),
        (lambda text: text.replace('        en: "Sockets."\n', ""), 6, "missing"),
        (lambda text: text + '        limit_zh: "4 个"\n', 6, "limit_zh and limit_en"),
        (lambda text: text + '        en: "Twice."\n', 12, "duplicate key"),
        (lambda text: text + "        same_as: [DG-WXC-99]\n", 6, "DG-WXC-99"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, change: Callable[[str], str], line: int, says: str) -> None:
    with pytest.raises(FileError) as caught:
        _read(tmp_path, change(GOOD))
    assert caught.value.path.endswith("a.yaml")
    assert any(at == line and says in what for at, what in caught.value.problems), caught.value.problems


def test_a_doubled_id_in_one_file_names_the_second_place(tmp_path: Path) -> None:
    row = GOOD[GOOD.index("      - id") :]
    with pytest.raises(FileError, match=r"a\.yaml:12: .*already in .*a\.yaml:6"):
        _read(tmp_path, GOOD + row)


def test_a_doubled_id_in_two_files_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(FileError, match=r"b\.yaml:6: .*already in .*a\.yaml:6"):
        _read(tmp_path, GOOD, "b.yaml")


def test_a_reference_must_have_the_methods_of_what_it_refers_to(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    other = SECOND.replace("[T]", "[T, I]") + "        same_as: [DG-WXC-24]\n"
    with pytest.raises(FileError, match=r"b\.yaml:6: .*write T"):
        _read(tmp_path, other, "b.yaml")


def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"a\.yaml:\d+: .*not YAML"):
        _read(tmp_path, "groups: [\n")
