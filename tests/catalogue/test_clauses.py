"""The clause catalogue against lists typed by hand from spec/requirements.md."""

from __future__ import annotations

import re

import pytest

from conformance.catalogue import DOCUMENT_LABELS, METHOD_LABELS, Clause, catalogue, clauses_of
from conformance.text_width import ambiguous_characters
from protocols.wire.base import Label

# Ids and ranges in the order of spec/requirements.md. A range counts with two digits from its first to its last number.
IDS = """
DG-GEN-01..16 DG-MOD-01..06 DG-MOD-07..09 DG-APP-01 DG-ENV-01 DG-CCC-01
DG-W20-01..17
DG-S20-01..11
DG-WXC-01..29
DG-CXC-01..17
LL-A1-01 LL-A1-02 LL-A1-03..05 LL-A1-06 LL-A1-07..08 LL-A1-09 LL-A1-10..11 LL-A1-12..13 LL-A1-14..21 LL-A1-22..27
LL-ENV-01..03 LL-SITE-01..12 LL-OPS-01 LL-OPS-02
BJ-INS-01..10 BK-SITE-01..04 BK-ACC-01
YH-ID-01 YH-SVC-01 YH-OPS-01..04
DG-SVC-ID-01..06 DG-SVC-ID-07 DG-SVC-REG-01..03 DG-SVC-PAY-01..04 DG-SVC-PAY-05..12 DG-SVC-QRY-01..03
DG-SVC-FIN-01..03 DG-SVC-MSG-01..02 DG-SVC-TIP-01 DG-SVC-BAG-01
DG-OPS-01..09
DG-FIN-PAY-01..04 DG-FIN-REC-01..04 DG-FIN-REF-01 DG-FIN-SYS-01 DG-FIN-RPT-01
BJ-KSK-01..05 BJ-OUT-01 BJ-CRD-01 BJ-CC-01..03 BJ-OFF-01
BK-OTA-01..05 BK-MON-01
LL-B1-01..45
DG-SLA-01..05 BJ-SLA-01 DG-SEC-01..03
DG-CUT-01..10
"""

METHODS = """
DG-GEN-01 D | DG-GEN-05 I+D | DG-GEN-06 T+I | DG-GEN-10 T | DG-GEN-15 I | DG-GEN-16 D | DG-MOD-01 T+H | DG-MOD-04 T+H
DG-MOD-06 T+H | DG-MOD-07 T | DG-MOD-09 T | DG-APP-01 I | DG-ENV-01 D | DG-CCC-01 D
DG-W20-01 H+I | DG-W20-02 H | DG-W20-06 T+I | DG-W20-07 D | DG-W20-08 T+D | DG-W20-10 T+D | DG-W20-11 T | DG-W20-14 T
DG-W20-16 I | DG-W20-17 H+I
DG-S20-01 I+D | DG-S20-02 H+D | DG-S20-05 D | DG-S20-07 M+D | DG-S20-09 T | DG-S20-11 H
DG-WXC-01 H+I | DG-WXC-02 H+D | DG-WXC-06 D | DG-WXC-08 M | DG-WXC-12 T+I | DG-WXC-13 I+D | DG-WXC-14 T | DG-WXC-18 D
DG-WXC-19 T | DG-WXC-21 T | DG-WXC-22 T | DG-WXC-24 T | DG-WXC-25 T+I | DG-WXC-26 M | DG-WXC-27 T+D | DG-WXC-28 M+I
DG-CXC-01 I+D | DG-CXC-06 H+M+D | DG-CXC-08 T | DG-CXC-09 T | DG-CXC-10 D | DG-CXC-12 T | DG-CXC-13 T | DG-CXC-14 T+D
DG-CXC-15 M+I | DG-CXC-17 T
LL-A1-02 M+I | LL-A1-04 H+I | LL-A1-07 H | LL-A1-09 I | LL-A1-11 T+I | LL-A1-12 T+H | LL-A1-14 T+D | LL-A1-15 T+M+D
LL-A1-16 T+M+D | LL-A1-18 T | LL-A1-19 T+M | LL-A1-20 T+M+D | LL-A1-21 T+I | LL-A1-25 I | LL-A1-26 T | LL-A1-27 I
LL-ENV-02 D | LL-SITE-06 I | LL-OPS-01 I
BJ-INS-02 T | BJ-INS-04 I | BJ-INS-06 H | BJ-INS-10 T+I | BK-SITE-03 I | BK-ACC-01 T+I | YH-ID-01 T | YH-OPS-03 M
DG-SVC-PAY-05 T | DG-OPS-05 T | DG-FIN-REF-01 T | BJ-CRD-01 T+M | BJ-CC-02 T+M | BJ-CC-03 T | BK-OTA-04 T
LL-B1-01 T | LL-B1-42 T+I | LL-B1-45 T | DG-SLA-01 M | DG-SLA-05 T | DG-SEC-02 D | DG-CUT-03 M | DG-CUT-09 T
"""

DONGGUAN = {"dongguan-wall-2020", "dongguan-stand-2020", "dongguan-wall-xc", "dongguan-cabinet-xc"}

# Profiles by the beginning of an id; what is not here belongs to services or operations and has none.
PROFILES = {
    "DG-GEN": DONGGUAN,
    "DG-MOD": DONGGUAN,
    "DG-APP": DONGGUAN,
    "DG-ENV": DONGGUAN,
    "DG-CCC": DONGGUAN,
    "DG-W20": {"dongguan-wall-2020"},
    "DG-S20": {"dongguan-stand-2020"},
    "DG-WXC": {"dongguan-wall-xc"},
    "DG-CXC": {"dongguan-cabinet-xc"},
    "LL-A1": {"luliang-a1"},
    "LL-ENV": {"luliang-a1"},
    "LL-SITE": {"luliang-a1"},
    "LL-OPS": {"luliang-a1"},
    "BJ-INS": {"beijing-touch"},
    "BK-SITE": {"beijing-touch"},
    "BK-ACC": {"beijing-touch"},
    "YH-ID": {"yuhang-integrated"},
    "YH-SVC": {"yuhang-integrated"},
    "YH-OPS": {"yuhang-integrated"},
}

# Limits that the document sets: parts that both languages must show, as typed from spec/requirements.md.
LIMITS = {
    "DG-ENV-01": ("40", "20", "80"),
    "DG-W20-01": ("15.6", "1920x1080"),
    "DG-W20-02": ("4", "2.4 GHz"),
    "DG-W20-07": ("0.45 mm",),
    "DG-W20-14": ("2",),
    "DG-S20-01": ("220 V", "10", "50 Hz", "1 Hz"),
    "DG-S20-05": ("15 kV", "8 kV"),
    "DG-S20-07": ("1280x1024", "305x381 mm", "95", "2 mm", "16 ms"),
    "DG-WXC-03": ("16 GB",),
    "DG-WXC-08": ("2 s",),
    "DG-WXC-10": ("16",),
    "DG-WXC-24": ("4",),
    "DG-WXC-28": ("5 cm", "1.5 s"),
    "DG-CXC-06": ("32", "1920x1080", "350 cd/m2", "1200:1", "89", "8 ms", "10"),
    "DG-CXC-15": ("50 mm", "1.0 s"),
    "LL-A1-16": ("13.56 MHz", "106 kbit/s", "100x120 mm", "50 mm", "12 Mbit/s", "9.6", "115.2 kbit/s", "220 mA"),
    "LL-A1-19": ("24.7", "600x600 dpi", "11.9 s"),
    "LL-A1-20": ("203x203 dpi", "150 mm/s", "100 km"),
    "LL-A1-27": ("710x547x2000 mm",),
    "BJ-CC-02": ("300", "10"),
    "BJ-CC-03": ("70", "0.01", "95", "90", "0.2", "5", "30"),
    "YH-OPS-03": ("30", "1", "3"),
    "DG-SLA-01": ("95",),
    "DG-SLA-05": ("95", "70", "90", "20", "0.5", "100", "10", "5", "2", "60"),
    "BJ-SLA-01": ("24", "48", "2"),
    "DG-CUT-03": ("33",),
}

SAME_AS = {
    "DG-S20-08": ("DG-W20", 6, 13),
    "DG-CXC-07": ("DG-WXC", 6, 13),
    "DG-CXC-16": ("DG-WXC", 25, 26),
}


def _expanded() -> list[str]:
    ids: list[str] = []
    for word in IDS.split():
        first, _, last = word.partition("..")
        stem, number = first[:-2], int(first[-2:])
        ids += [f"{stem}{each:02}" for each in range(number, int(last or number) + 1)]
    return ids


def _texts(clause: Clause) -> list[Label]:
    return [clause.text, clause.reason_not_tested, *([clause.limit] if clause.limit else [])]


ALL = list(catalogue().values())


def test_the_hand_typed_list_is_whole() -> None:
    assert len(_expanded()) == len(set(_expanded())) == 300


def test_no_row_is_missing_and_none_is_invented() -> None:
    assert set(catalogue()) == set(_expanded())


def test_rows_stand_in_the_order_of_the_requirement_catalogue() -> None:
    assert list(catalogue()) == _expanded()


def test_every_clause_is_found_under_its_own_id() -> None:
    assert all(key == clause.id for key, clause in catalogue().items())


def test_methods_match_the_second_hand_typed_table() -> None:
    pairs = [entry.split() for line in METHODS.strip().splitlines() for entry in line.split("|")]
    table = {pair[0]: pair[1] for pair in pairs}
    assert len(table) == len(pairs) >= 60
    assert {each: "+".join(catalogue()[each].methods) for each in table} == table


def test_texts_are_complete_in_both_languages() -> None:
    for clause in ALL:
        for label in _texts(clause):
            assert label.zh.strip() == label.zh != "", clause.id
            assert label.en.strip() == label.en != "", clause.id
        for label in (clause.text, clause.reason_not_tested):
            assert re.search(r"[\u4e00-\u9fff]{2}", label.zh), clause.id
            assert label.en.isascii(), clause.id
            assert (label.zh[-1], label.en[-1]) == ("。", "."), clause.id


def test_chinese_uses_full_width_and_english_half_width_punctuation() -> None:
    for clause in ALL:
        for label in _texts(clause):
            assert not re.search(r"[\u4e00-\u9fff][,;!?()]|[,;!?()][\u4e00-\u9fff]", label.zh), clause.id
            assert not re.search(r"[，。；：（）、]", label.en), clause.id


def test_texts_hold_no_character_of_ambiguous_width() -> None:
    for clause in ALL:
        for label in _texts(clause):
            assert ambiguous_characters(label.zh) == [], clause.id
            assert ambiguous_characters(label.en) == [], clause.id


def test_labels_of_methods_and_documents_hold_no_character_of_ambiguous_width() -> None:
    for label in (*METHOD_LABELS.values(), *DOCUMENT_LABELS.values()):
        assert ambiguous_characters(label.zh + label.en) == []


@pytest.mark.parametrize(
    "trap", ["\u2026", "\u2014", "\u2192", "\u2500", "\u201c", "\u00b1", "\u00b0", "\u2265", "\u00d7"]
)
def test_the_width_lint_finds_every_trap(trap: str) -> None:
    found = ambiguous_characters(f"读卡{trap}")
    assert len(found) == 1
    assert found[0].startswith(f"U+{ord(trap):04X} ")
    assert found[0].endswith(" at 2")


def test_the_width_lint_leaves_plain_chinese_alone() -> None:
    assert ambiguous_characters("卡片不丢失，恢复供电后状态真实（见第 4 条）。GB/T 23647 >= 2 s") == []


def test_reasons_are_written_for_each_clause() -> None:
    for language in ("zh", "en"):
        reasons = [each.reason_not_tested[language] for each in ALL]
        assert len(set(reasons)) == len(reasons)


def test_profiles_and_document_follow_from_the_id() -> None:
    for clause in ALL:
        stem = clause.id[:-3]
        assert set(clause.profiles) == PROFILES.get(stem, set()), clause.id
        assert clause.document == clause.id[:2]
        assert clause.section, clause.id


@pytest.mark.parametrize(("clause_id", "parts"), LIMITS.items())
def test_limits_are_the_documents_own(clause_id: str, parts: tuple[str, ...]) -> None:
    limit = catalogue()[clause_id].limit
    assert limit is not None
    for part in parts:
        edge = rf"(?<![\d.]){re.escape(part)}(?!\d)"
        assert re.search(edge, limit.zh), (part, limit.zh)
        assert re.search(edge, limit.en), (part, limit.en)


def test_numbers_agree_between_the_two_languages_of_a_limit() -> None:
    def numbers(text: str) -> set[str]:
        joined = re.sub(r"(?<=\d) (?=\d{3}\b)", "", text)
        return {each.rstrip("0").rstrip(".") if "." in each else each for each in re.findall(r"\d+(?:\.\d+)?", joined)}

    # Chinese counts in units of ten thousand (200 万) and writes some numbers as words (双核, 三级, 平方米).
    skip = {"DG-W20-07", "DG-S20-03", "DG-CXC-11", "LL-A1-14", "LL-A1-17", "LL-A1-20", "BJ-CRD-01"}
    skip |= {"BK-SITE-01", "DG-SEC-02"}
    for clause in ALL:
        if clause.limit and clause.id not in skip:
            assert numbers(clause.limit.zh) == numbers(clause.limit.en), clause.id


def test_references_are_those_of_the_document() -> None:
    wanted = {
        each: tuple(f"{stem}-{n:02}" for n in range(first, last + 1)) for each, (stem, first, last) in SAME_AS.items()
    }
    assert {each.id: each.same_as for each in ALL if each.same_as} == wanted


def test_only_inspection_or_paper_is_never_automatic() -> None:
    assert not catalogue()["DG-CCC-01"].automatic
    assert not catalogue()["DG-GEN-05"].automatic
    assert catalogue()["DG-W20-06"].automatic
    assert all(each.automatic == bool(set(each.methods) & set("TMH")) for each in ALL)


def test_clauses_of_a_profile() -> None:
    wall = {each.id for each in clauses_of("dongguan-wall-2020")}
    assert {"DG-GEN-01", "DG-MOD-04", "DG-W20-11"} <= wall
    assert not {"DG-S20-01", "DG-WXC-24", "DG-SVC-ID-01"} & wall
    assert [len(clauses_of(each)) for each in ("luliang-a1", "beijing-touch", "yuhang-integrated")] == [44, 15, 6]
    with pytest.raises(KeyError, match="luliang-a1"):
        clauses_of("luliang")
