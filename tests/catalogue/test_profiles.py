"""Terminal profiles and device-class profiles: complete, consistent with the catalogue, strict."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from conformance.catalogue import catalogue, clauses_of
from conformance.text_width import ambiguous_characters
from protocols.wire.base import Label, Privacy
from scenarios.profiles import (
    Demand,
    DeviceClassProfile,
    Profile,
    device_class_names,
    device_class_profile,
    load_profile,
    profile_ids,
)
from scenarios.strict_yaml import FileError, parse_model
from simulators.device.card_reader_rules import ReaderReadings
from simulators.device.pin_pad_rules import PinPadReadings

# Typed from spec/requirements.md 1.
PROFILES = {
    "dongguan-wall-2020": ("DG", "三(二)5(1)"),
    "dongguan-stand-2020": ("DG", "三(二)5(2)"),
    "dongguan-wall-xc": ("DG", "四(二)4(1)"),
    "dongguan-cabinet-xc": ("DG", "四(二)4(2)"),
    "luliang-a1": ("LL", "A.1"),
    "beijing-touch": ("BJ", "3.2.2"),
    "yuhang-integrated": ("YH", "三"),
}

READER_PICS = """contact rf mifare resident_id magnetic motorised capture retain_bin bin_capacity stacker sam_sockets
class_a class_b memory_cards powerdown_rule interface"""
CARD_PICS = "generation algorithm contactless offline_account pin test_keys"

# Defaults in brackets in spec/open-readings.md.
READER_DEFAULTS = {
    "reader.accept_position": "rf",
    "reader.eject_holds": False,
    "reader.move_without_card": "by-stacker",
    "reader.retract_counting": "switches",
    "reader.front_entry_after_card": "stays",
    "reader.command_while_moving": "ignored",
    "reader.repeated_command": "executed",
    "reader.resends": 3,
    "reader.eot_during_motion": "completes",
    "reader.limit_counts": "data",
    "reader.sensor_bytes": 10,
    "reader.truncated_frame": "silence",
    "reader.command_as_ack": True,
    "reader.reset_without_card": "activation",
    "reader.chip_power_on_move": "released",
    "reader.resolve_61_6c": False,
    "reader.pulled_during_apdu": "card_communication",
    "reader.pulled_afterwards": "not_activated",
    "reader.st1_without_stacker": 0,
    "reader.pulled_at_rest": "once",
    "reader.initialise_clears_jam": False,
    "reader.status_while_jammed": "position",
    "reader.power_loss": "kept",
}
CARD_DEFAULTS = {
    "card.fci_algorithm": "by-algorithm",
    "card.read_all_le_ff": "length",
    "card.name_extension_position": "last",
    "card.rkssse_on_1_0": "absent",
    "card.rkssse_on_2_0": "present",
    "card.right_kept_on_reselect": True,
    "card.right_lost_in_df": True,
    "card.long_challenge": "first-8",
    "card.wrong_mac_status": "6988",
    "card.challenge_length_status": "6700",
    "card.change_pin_without_old": "after-verify",
    "card.change_pin_without_new": "6A80",
    "card.locked_query_status": "6983",
    "card.select_df_answer": "fci",
}


def test_the_seven_profiles_are_those_of_the_requirement_catalogue() -> None:
    assert set(profile_ids()) == set(PROFILES)
    found = {each: (load_profile(each).document, load_profile(each).section) for each in profile_ids()}
    assert found == PROFILES


def test_the_device_classes_of_this_version() -> None:
    assert device_class_names() == ("card", "card_reader", "pin_pad")


@pytest.mark.parametrize("profile_id", profile_ids())
def test_devices_cite_clauses_of_their_own_terminal(profile_id: str) -> None:
    own = {each.id for each in clauses_of(profile_id)}
    for device in load_profile(profile_id).devices:
        assert set(device.clauses) <= own, device.device_class


@pytest.mark.parametrize("name", ["card", "card_reader", "pin_pad"])
def test_pics_items_cite_clauses_of_the_catalogue(name: str) -> None:
    for item in device_class_profile(name).pics_items:
        assert set(item.clauses) <= set(catalogue()), item.id


def test_pics_items() -> None:
    reader, card = device_class_profile("card_reader"), device_class_profile("card")
    assert [each.id for each in reader.pics_items] == [f"reader.{each}" for each in READER_PICS.split()]
    assert [each.id for each in card.pics_items] == [f"card.{each}" for each in CARD_PICS.split()]
    assert reader.pics("reader.powerdown_rule").choices == ("kept", "ejected", "captured")
    assert reader.pics("reader.interface").choices == ("rs232", "usb")
    assert card.pics("card.generation").choices == ("1.0", "2.0", "3.0")
    assert card.pics("card.algorithm").choices == ("3des", "sm4", "ssf33")
    with pytest.raises(KeyError, match=r"reader\.contact"):
        reader.pics("reader.colour")


def test_parameters_and_their_defaults() -> None:
    assert device_class_profile("card_reader").defaults() == READER_DEFAULTS
    assert device_class_profile("card").defaults() == CARD_DEFAULTS


def test_pixit_items_are_typed_and_never_shown() -> None:
    pixit = {each.id: each for each in device_class_profile("card").pixit_items}
    assert {name: each.default for name, each in pixit.items()} == {
        "card.pin": "123456",  # spec/cards.md 1.6
        "card.root_key": "404142434445464748494A4B4C4D4E4F",
    }
    assert [each.privacy for each in pixit.values()] == [Privacy.PIN, Privacy.KEY]
    assert pixit["card.pin"].problem("4321") is None
    for wrong in ("321", "12345a", 123456, "123456\n"):
        problem = pixit["card.pin"].problem(wrong)
        assert problem is not None
        assert str(wrong).strip() not in problem


def test_readings_of_the_simulator_have_the_same_default() -> None:
    simulated = {each.name: getattr(ReaderReadings(), each.name) for each in fields(ReaderReadings)}
    named = {each.reading: each for each in device_class_profile("card_reader").parameters if each.reading}
    assert set(named) == set(simulated)
    assert {name: each.default for name, each in named.items()} == simulated


def test_readings_of_the_simulated_pin_pad_have_the_same_default() -> None:
    pad = device_class_profile("pin_pad")
    named = {each.reading: each.default for each in pad.parameters}
    simulated = {each.name: getattr(PinPadReadings(), each.name) for each in fields(PinPadReadings)}
    assert named == {name: value for name, value in simulated.items() if name != "second_codes"}
    assert [each.id for each in pad.pics_items] == [
        f"pad.{each}"
        for each in [
            "groups",
            "group_bytes",
            "sixteen_keys",
            "sm4",
            "ibm_3624",
            "mac_unionpay",
            "removal_switch",
            "certificates",
        ]
    ]


@pytest.mark.parametrize(
    ("item", "good", "bad"),
    [
        ("reader.contact", True, 1),
        ("reader.sam_sockets", 4, True),
        ("reader.sam_sockets", 0, 9),
        ("reader.interface", "usb", "ethernet"),
    ],
)
def test_a_declared_value_must_fit_its_item(item: str, good: object, bad: object) -> None:
    definition = device_class_profile("card_reader").pics(item)
    assert definition.problem(good) is None
    assert item in str(definition.problem(bad))


def test_an_integer_with_choices_takes_no_other() -> None:
    parameter = device_class_profile("card_reader").parameter("reader.st1_without_stacker")
    assert parameter.problem(2) is None
    assert "0, 2" in str(parameter.problem(1))


def test_demands_of_the_wall_terminal_after_the_upgrade() -> None:
    reader = load_profile("dongguan-wall-xc").device("card_reader")
    assert reader is not None
    sockets = next(each for each in reader.demands if each.item == "reader.sam_sockets")
    assert sockets.clause == "DG-WXC-24"
    assert [sockets.met_by(each) for each in (3, 4, 8, True)] == [False, True, True, False]
    interface = next(each for each in reader.demands if each.item == "reader.interface")
    assert interface.met_by("usb")
    assert not interface.met_by("ethernet")
    contact = next(each for each in reader.demands if each.item == "reader.contact")
    assert contact.met_by(True)
    assert not contact.met_by(False)
    assert load_profile("yuhang-integrated").device("card_reader") is None


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(FileError, match=r"dongguan-wall\.yaml:1: .*beijing-touch"):
        load_profile("dongguan-wall")
    with pytest.raises(FileError, match="card_reader"):
        device_class_profile("cardreader")


PROFILE = """\
id: x
title: {zh: 甲, en: a}
document: DG
section: "1"
devices:
  - device_class: card_reader
    label: {zh: 读卡器, en: reader}
    clauses: [DG-WXC-24]
    demands:
      - {item: reader.sam_sockets, at_least: 4, clause: DG-WXC-24}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("at_least: 4", "at_least: 4, is: 4", 10, "exactly one of"),
        ("clause: DG-WXC-24}", "clause: DG-WXC-19}", 6, "add it to clauses"),
        ("presence", "presence", 0, ""),
        ("section:", "sektion:", 4, "did you mean 'section'"),
        ("document: DG", "document: XX", 3, "'DG', 'BJ', 'BK', 'LL' or 'YH'"),
    ],
)
def test_a_broken_profile_is_refused(old: str, new: str, line: int, says: str) -> None:
    if not line:
        assert parse_model(PROFILE, Profile, "p.yaml").device("card_reader") is not None
        return
    with pytest.raises(FileError) as caught:
        parse_model(PROFILE.replace(old, new), Profile, "p.yaml")
    assert any(at == line and says in what for at, what in caught.value.problems), caught.value.problems


def test_a_demand_that_nothing_can_meet_is_found() -> None:
    definition = device_class_profile("card_reader")
    device = load_profile("dongguan-wall-xc").device("card_reader")
    assert device is not None
    assert device.problems(definition) == []
    wrong = Demand.model_validate({"item": "reader.sam_sockets", "at_least": 9, "clause": "DG-WXC-24"})
    unknown = Demand.model_validate({"item": "reader.sam", "is": True, "clause": "DG-WXC-24"})
    broken = device.model_copy(update={"demands": (wrong, unknown)})
    found = broken.problems(definition)
    assert [near for near, _ in found] == ["item: reader.sam_sockets", "item: reader.sam"]
    assert "from 0 to 8" in found[0][1]
    assert "reader.contact" in found[1][1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{item: reader.sam_sockets, at_least: 4", "{item: reader.sam_sockets, at_least: 9", "from 0 to 8"),
        ("{item: reader.mifare,", "{item: reader.mifrae,", "unknown PICS item 'reader.mifrae'"),
        ("id: dongguan-wall-xc", "id: dongguan-wall", "write 'dongguan-wall-xc'"),
    ],
)
def test_load_profile_names_the_line_of_the_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, says: str
) -> None:
    text = (files("scenarios.profiles") / "dongguan-wall-xc.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "dongguan-wall-xc.yaml").write_text(text.replace(old, new), encoding="utf-8")
    device_class_profile("card_reader")
    monkeypatch.setattr("scenarios.profiles.files", lambda _: tmp_path)
    with pytest.raises(FileError) as caught:
        load_profile.__wrapped__("dongguan-wall-xc")
    line = text[: text.index(old)].count("\n") + 1
    assert [(at, says in what) for at, what in caught.value.problems] == [(line, True)], caught.value.problems


CLASS = """\
device_class: x
title: {zh: 甲, en: a}
pics:
  - id: x.fitted
    type: bool
    label: {zh: 已装, en: fitted}
    clauses: [DG-WXC-24]
parameters:
  - id: x.entry
    type: enum
    choices: [stays, "off"]
    default: stays
    label: {zh: 进卡, en: entry}
    source: "open-readings.md"
"""


def test_the_good_device_class_is_read() -> None:
    assert parse_model(CLASS, DeviceClassProfile, "d.yaml").parameter("x.entry").default == "stays"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('"off"', "off", 9, "in quotes"),  # YAML 1.1 reads a bare off as false
        ("default: stays", "default: leaves", 9, "use one of stays, off"),
        ("type: bool", "type: bool\n    minimum: 1", 4, "remove minimum"),
        ("type: bool", "type: int", 0, ""),
        ("type: bool", "type: text", 5, "'bool', 'int' or 'enum'"),
        ('choices: [stays, "off"]', "choices: [stays]", 9, "at least two"),
        ("x.entry", "x.fitted", 1, "defined twice"),
        ("clauses: [DG-WXC-24]", "clauses: []", 7, "at least 1"),
        ("en: fitted", "en: fitted, de: da", 6, "unknown key"),
    ],
)
def test_a_broken_device_class_is_refused(old: str, new: str, line: int, says: str) -> None:
    text = CLASS.replace(old, new)
    if not line:
        assert parse_model(text, DeviceClassProfile, "d.yaml").pics("x.fitted").problem(3) is None
        return
    with pytest.raises(FileError) as caught:
        parse_model(text, DeviceClassProfile, "d.yaml")
    assert any(at == line and says in what for at, what in caught.value.problems), caught.value.problems


def test_texts_of_profiles_are_complete_and_hold_no_ambiguous_width() -> None:
    labels: list[Label] = []
    for profile_id in profile_ids():
        profile = load_profile(profile_id)
        labels += [profile.title, *(each.label for each in profile.devices)]
    for name in device_class_names():
        definition = device_class_profile(name)
        labels += [
            definition.title,
            *(each.label for each in (*definition.pics_items, *definition.parameters, *definition.pixit_items)),
        ]
    for label in labels:
        assert re.search(r"[\u4e00-\u9fff]", label.zh), label
        assert label.en.isascii()
        assert ambiguous_characters(label.zh) == []


def test_data_files_travel_with_the_package() -> None:
    names = {each.name for each in files("scenarios.profiles").iterdir()}
    assert {"device_card.yaml", "device_card_reader.yaml", "luliang-a1.yaml"} <= names
    assert len([each for each in (files("conformance") / "clauses").iterdir() if each.name.endswith(".yaml")]) == 17
