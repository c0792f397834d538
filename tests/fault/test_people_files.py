"""People in files: synthetic, in agreement with themselves, and on the card that they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.models import Bench, load_bench
from scenarios.people import PersonFile, find_person, shipped_people
from scenarios.simulated import apply_to_device
from scenarios.strict_yaml import FileError, parse_model
from simulators.card.people import DEFAULT_PERSON
from simulators.device.base import Physical

LI = """
name: 测试李
id_number: "441900198506121124"
sex: "2"
birth: "19850612"
card_number: "A24681357"
pin: "480135"
"""
BENCH = """
bench: people
under_test: device.card
clock: virtual
slots:
  card: {class: card, image: "3.0", link: "sim://", person: PERSON}
"""


def problems(text: str) -> str:
    with pytest.raises(FileError) as caught:
        parse_model(text, PersonFile, "li.yaml")
    return str(caught.value)


def test_the_shipped_people_are_three_kinds_of_holder() -> None:
    people = shipped_people()
    assert people["jia"].person == DEFAULT_PERSON
    assert len(people["long-name"].name.encode("gbk")) > 30
    assert people["minority-elder"].nation != "01"
    assert people["minority-elder"].birth < "1945"
    assert all(each.id_number.startswith("441900") for each in people.values())


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("441900198506121124", "441900198506121125", "li.yaml:3: .*must be 4, not 5: write 441900198506121124"),
        ("441900198506121124", "110105198506121124", "reserved area only: begin with 441900"),
        ('sex: "2"', 'sex: "1"', "id_number says 2"),
        ('sex: "2"', "sex: 2", "put it in quotes"),
        ('birth: "19850612"', 'birth: "19850613"', "id_number says 19850612"),
        ('birth: "19850612"', 'birth: "19850631"', "is no day YYYYMMDD"),
        ("测试李", "李四", "at least three characters"),
        ("测试李", "测试𠮷", "is not in GBK"),
        ("测试李", "测试" * 13, "records 09 and 4E hold 50"),
        ('pin: "480135"', 'pin: "000000"', "all digits alike"),
        ('pin: "480135"', 'pin: "4801"', "li.yaml:7: pin"),
        ('pin: "480135"', 'nation: "57"', "GB/T 3304"),
        ('pin: "480135"', 'pni: "480135"', "did you mean 'pin'"),
        ('pin: "480135"', 'generation: "4.0"', "generation"),
    ],
)
def test_what_a_person_cannot_be(old: str, new: str, wanted: str) -> None:
    import re

    assert old in LI
    assert re.search(wanted, problems(LI.replace(old, new)))


def test_a_long_name_needs_a_card_with_record_4e() -> None:
    assert "no record 4E" in problems(LI.replace("测试李", "测试" * 8) + 'generation: "1.0"\n')


def test_a_slot_takes_a_shipped_person_a_file_or_an_inline_one(tmp_path: Path) -> None:
    (tmp_path / "li.yaml").write_text(LI, encoding="utf-8")
    inline = "{" + ", ".join(LI.strip().splitlines()) + "}"
    for person, name in (
        ("long-name", shipped_people()["long-name"].name),
        ("./li.yaml", "测试李"),
        (inline, "测试李"),
    ):
        path = tmp_path / "bench.yaml"
        path.write_text(BENCH.replace("PERSON", person), encoding="utf-8")
        found = load_bench(path).person_of("card")
        assert found is not None
        assert found.name == name


def test_a_person_that_is_not_there_or_has_another_card(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH.replace("PERSON", "zhang"), encoding="utf-8")
    with pytest.raises(FileError, match="nobody of that name; known: jia, long-name, minority-elder"):
        load_bench(path)
    path.write_text(BENCH.replace("PERSON", "minority-elder"), encoding="utf-8")
    with pytest.raises(FileError, match=r"image 3.0, but its person carries a 2.0 card"):
        load_bench(path)
    with pytest.raises(FileError, match="only a simulated social security card"):
        parse_model(BENCH.replace('image: "3.0", link: "sim://"', 'link: "pcsc://X"'), Bench)


def test_a_hand_brings_the_card_of_somebody() -> None:
    seen: list[Physical] = []
    apply_to_device("insert 3.0/long-name", seen.append, 7)
    apply_to_device("insert 3.0/7", seen.append, 7)
    chips = [each.card.chip for each in seen if each.card is not None]
    serial = find_person("long-name", Path()).serial
    assert [chip.power_on().hex().upper()[-8:] == serial for chip in chips if chip] == [True, False]
    with pytest.raises(ValueError, match="nobody of that name"):
        apply_to_device("insert 3.0/zhang", seen.append, 7)
