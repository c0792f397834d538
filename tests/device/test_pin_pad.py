"""The PIN pad over raw frames of spec/devices.md 1.2: golden dialogue, keys, PIN entry, wipe, tamper, power, line."""

from __future__ import annotations

import pytest
from pad_bench import GOLDEN, TMK, TPK, PadBench, characters

from simulators.device.pin_pad_rules import PinPadOptions, PinPadReadings, PinPadTiming

S = "0123456789ABCDEF"
D = "0123456789ABCDEFFEDCBA9876543210"


@pytest.fixture
def pad() -> PadBench:
    return PadBench().golden()


# The golden dialogue.


def test_the_golden_dialogue_byte_for_byte() -> None:
    pad = PadBench()
    assert pad.say("013130") == "010405"
    version = pad.say("013031")
    assert version[:4] == "1B04"
    assert bytes.fromhex(version[4:36]) == b"EPP-B-SIM  V1.00"
    for frame in GOLDEN[1:]:
        assert pad.say(frame) == "010405"
    assert pad.say(TMK) == "050408D7B4FB91"
    assert pad.say(TPK) == "0504D2B91CC5B3"
    assert pad.say("0343004000") == "010405"
    assert pad.say("0D3436373839303132333435363739") == "010405"
    assert pad.say("02450344") == "010405"
    assert pad.say("0635060101003C09") == "010405"
    assert pad.keys("123456", "enter") == b"******\r"
    assert pad.say("014243") == "0904D31E9382D08B1F1481"
    assert pad.say("02450047") == "010405"
    assert pad.say("0231380B") == "010405"
    for use in ("0343004000", TPK, characters("41 30"), characters("36" + "00" * 8), "014243"):
        assert pad.say(use) == "01A4A5"
    assert pad.device.violations() == []


def test_errors_of_the_golden_dialogue() -> None:
    pad = PadBench()
    assert pad.say("0199" + "98") == "01E0E1"
    assert pad.say("034600" + "99" + characters("460099")[-2:]) == "011514"
    assert pad.say("0343004000") == "01A4A5"
    pad.key("short-key")
    assert pad.say("013130") == "01F2F3"
    pad.key("repair")
    assert pad.say("013130") == "010405"


# Keys.


def test_every_place_of_the_store_is_usable_and_none_disturbs_another(pad: PadBench) -> None:
    values: dict[tuple[int, int | None], str] = {}
    for master in range(16):
        key = f"{2 * master:02X}" * 7 + "A5"  # the last bit of a byte is parity
        values[master, None] = pad.ask(f"32{master:02X}{key}")[2:]
        for slot in range(4):
            cipher = f"{master:02X}{slot:02X}" * 8
            values[master, slot] = pad.ask(f"33{master:02X}{0x40 + 4 * master + slot:02X}{cipher}")[2:]
    assert len(set(values.values())) == 80
    for (master, slot), value in values.items():
        place = f"{master:02X}" + ("" if slot is None else f"{0x40 + 4 * master + slot:02X}")
        assert pad.ask(f"65{place}") == "04" + value
        if slot is not None:
            assert pad.ask(f"43{place}") == "04"
            assert pad.ask("36" + "00" * 8)[2:10] == value
    assert pad.ask("7E") == "04" + "F" * 20


def test_a_key_is_replaced_and_the_other_numbering_works(pad: PadBench) -> None:
    assert pad.ask("3300" + "00" + "9B3A7B883A100F73B4ABA2BB791C50E7") == "04D2B91CC5"
    assert pad.ask("430000") == "04"
    assert pad.ask("36" + "00" * 8) == "04D2B91CC5A758BB08"
    assert pad.ask("3200" + S) == "04D5D44FF7"
    assert pad.ask("6500") == "04D5D44FF7"
    assert pad.ask("650040") == "04D2B91CC5"  # work keys under a master that is loaded again are kept
    dropped = PadBench(readings=PinPadReadings(master_reload="dropped")).golden()
    assert dropped.ask("3200" + S) == "04D5D44FF7"
    assert dropped.ask("650040") == "A5"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("3310400123456789ABCDEF", "15"),  # N of another master
        ("33014401" + "23" * 7, "A4"),
        ("430144", "A4"),
        ("430041", "A5"),
        ("65 05", "A4"),
        ("65 0041", "A5"),
        ("65 10", "15"),
        ("32 10" + S, "15"),
        ("32 00 0123", "15"),
        ("62 07", "A4"),
        ("36", "15"),
        ("36 00", "15"),
        ("36" + "00" * 7, "15"),
        ("41", "15"),
        ("34 3132", "15"),
        ("34 41" + "31" * 11, "15"),
        ("34" + "31" * 16, "15"),
        ("35 03 01 01 00 3C", "15"),
        ("35 0D 01 01 00 3C", "15"),
        ("35 06 01 01 00 00", "15"),
        ("46 04 23", "15"),
        ("46 08 00", "15"),
        ("46 0D 09", "15"),
        ("60 0000", "15"),
        ("38 00", "15"),
        ("23 00", "E0"),
        ("40 10", "E0"),
        ("86 02 00 40", "15"),
        ("86 01 00 40", "A5"),  # a DES key is no SM4 key
    ],
)
def test_what_a_pad_refuses(pad: PadBench, text: str, status: str) -> None:
    assert pad.ask(text) == status


def test_delete_takes_the_work_keys_of_a_master_along(pad: PadBench) -> None:
    assert pad.ask("62 0040") == "04"
    assert pad.ask("36" + "00" * 8) == "A5"
    assert pad.say(TPK) == "0504D2B91CC5B3"
    assert pad.ask("62 00") == "04"
    assert pad.ask("65 0040") == pad.ask("65 00") == "A4"
    assert pad.ask("7E") == "04" + "0" * 20


def test_kcv_is_sent_when_asked_for_and_as_long_as_asked_for() -> None:
    pad = PadBench()
    assert pad.say(TMK) == "010405"
    assert pad.ask("46 05 05") == pad.ask("46 0D 08") == "04"
    assert pad.say(TMK) == characters("0408D7B4FB629D0885")


def test_a_master_key_under_the_active_key(pad: PadBench) -> None:
    assert pad.ask("36" + D)[:2] == "04"
    enciphered = pad.ask("36" + D)[2:]
    assert pad.ask("3243" + enciphered) == "0408D7B4FB"
    assert pad.ask("65 03") == "0408D7B4FB"


def test_a_master_key_as_work_key(pad: PadBench) -> None:
    assert pad.ask("46 01 70") == "04"
    assert pad.ask("43 00 40") == "04"
    assert pad.ask("36" + "00" * 8) == "0408D7B4FB629D0885"
    assert pad.ask("46 01 60") == "04"
    assert pad.ask("36" + "00" * 8) == "04D5D44FF720683D0D"


def test_early_firmware_has_room_for_64_bits_a_group() -> None:
    pad = PadBench(options=PinPadOptions(group_bytes=8))
    assert pad.say(TMK) == "011514"
    for master in range(16):
        assert pad.ask(f"32{master:02X}{S}") == "04"


def test_preloaded_masters_and_their_errors_show_no_key() -> None:
    pad = PadBench(options=PinPadOptions(masters={3: D}))
    assert pad.ask("65 03") == "0408D7B4FB"
    for masters in ({3: D + "0"}, {16: D}, {"x": D}, {3: 12}):
        with pytest.raises(ValueError) as caught:
            PinPadOptions(masters=masters)  # type: ignore[arg-type]
        assert D not in str(caught.value)


# PIN entry.


def test_backspace_clear_and_the_masked_echo(pad: PadBench) -> None:
    assert pad.entry("129", "clear") == b"***\x08"
    assert pad.keys("12345", "enter") == b"*****\r"
    assert pad.say("014243") != "0904D31E9382D08B1F1481"
    assert pad.ask("45 21") == "04"
    assert pad.entry("129", "clear") == b"***\x08"
    assert pad.keys("3456", "enter") == b"****\r"
    assert pad.say("014243") == "0904D31E9382D08B1F1481"


def test_too_few_and_too_many_digits(pad: PadBench) -> None:
    assert pad.entry("123", "enter") == b"***"  # enter below the least length: nothing
    assert pad.keys("456789", "enter") == b"***\r"  # and what is above the most is not taken
    assert pad.say("014243") == "0904D31E9382D08B1F1481"
    assert pad.ask("46 08 06") == "04"
    assert pad.entry("12345", "enter") == b"*****"
    error = PadBench(readings=PinPadReadings(short_enter="error")).golden()
    assert error.entry("123", "enter") == b"***\x0201191A\x03".replace(b"191A", b"1918")


def test_a_pin_is_used_once_and_gone_after_cancel(pad: PadBench) -> None:
    assert pad.say("014243") == characters("19")
    pad.entry("123456", "enter")
    assert pad.ask("42")[:2] == "04"
    assert pad.ask("42") == "19"
    assert pad.entry("123456", "cancel") == b"******\x1b"
    assert pad.ask("42") == "19"
    pad.entry("123456", "enter")
    assert pad.ask("45 00") == "04"
    assert pad.ask("42") == "19"
    pad.entry("1234")
    assert pad.ask("42") == "19"  # not entered yet


def test_the_keypad_must_be_open_and_is_deaf_after_an_entry(pad: PadBench) -> None:
    assert pad.say("0D3436373839303132333435363739") == "010405"
    assert pad.ask("35 06 01 01 00 3C") == "17"
    assert pad.device.violations() == ["PIN entry while the keypad is closed"]
    assert pad.keys("12", "enter") == b""
    pad.entry("123456", "enter")
    assert pad.keys("9", "cancel") == b""
    loose = PadBench(readings=PinPadReadings(keypad_first=False)).golden()
    assert loose.ask("34" + "31" * 12) == loose.ask("35 06 01 01 00 3C") == "04"


def test_automatic_end_sends_no_enter(pad: PadBench) -> None:
    assert pad.ask("46 05 01") == "04"
    assert pad.entry("123456") == b"******"
    assert pad.say("014243") == "0904D31E9382D08B1F1481"
    assert pad.ask("46 05 00") == "04"
    assert pad.entry("123456", "enter") == b"******\r"


def test_without_echo(pad: PadBench) -> None:
    assert pad.ask("45 03") == pad.ask("34" + "363738393031323334353637") == "04"
    assert pad.ask("35 06 00 01 00 3C") == "04"
    assert pad.keys("123456", "enter") == b"\r"
    assert pad.ask("42") == "04D31E9382D08B1F14"


@pytest.mark.parametrize(
    ("reading", "said", "then"),
    [("frame", b"\x02018081\x03", "19"), ("key", b"\x80", "19"), ("on-ask", b"", "80")],
)
def test_three_ways_to_run_out_of_time(reading: str, said: bytes, then: str) -> None:
    pad = PadBench(readings=PinPadReadings(time_out=reading)).golden()  # type: ignore[arg-type]
    pad.entry("123456", limit_s=20)
    assert pad.wait(16.9) == b""  # three seconds have passed while the pad was asked
    assert pad.wait(0.2) == said
    assert pad.keys("", "enter") == b""
    assert pad.ask("42") == then
    assert pad.ask("42") == "19"


def test_a_long_pause_between_two_digits_ends_the_entry(pad: PadBench) -> None:
    pad.entry("123", limit_s=200)
    assert pad.wait(29.0) == b""
    pad.keys("4")
    assert pad.wait(29.9) == b""
    assert pad.wait(0.2) == b"\x02018081\x03"
    assert pad.ask("42") == "19"


def test_plain_entry_sends_sixteen_different_codes(pad: PadBench) -> None:
    assert pad.ask("45 01") == "04"
    words = [*"0123456789", "enter", "clear", "cancel", "point", "00", "blank"]
    said = [pad.key(f"press {word}") for word in words]
    assert said == [bytes((byte,)) for byte in b"0123456789\r\x08\x1b.\x22 "]
    assert pad.ask("45 00") == "04"
    assert pad.key("press 1") == b""
    second = PadBench(readings=PinPadReadings(second_codes=True))
    assert second.ask("45 01") == "04"
    assert second.key("press 00") + second.key("press blank") == b"\x7f\x07"


def test_plain_entry_and_pin_entry_are_apart(pad: PadBench) -> None:
    assert pad.ask("45 03") == "04"
    assert pad.keys("12") == b"12"
    pad.ask("34" + "31" * 12)
    assert pad.ask("35 06 01 01 00 3C") == "04"
    assert pad.keys("3456", "enter") == b"****\r"
    assert pad.ask("42")[:2] == "04"


def test_side_keys_and_keys_that_are_not_there() -> None:
    pad = PadBench(options=PinPadOptions(side_keys=4))
    assert pad.ask("45 01") == "04"
    assert pad.key("press f1") + pad.key("press F4") == b"AD"
    for words in ("press f5", "press 12", "press", "type", "type 12a", "dance", "hold no"):
        with pytest.raises(ValueError) as caught:
            pad.key(words)
        assert "12a" not in str(caught.value)


def test_a_held_key(pad: PadBench) -> None:
    assert pad.ask("45 01") == "04"
    assert pad.key("hold 5") == b"5"
    assert pad.key("press 6") == b""
    pad.ask("34" + "31" * 12)
    assert pad.ask("35 06 01 01 00 3C") == "80"
    pad.wait(2.0)
    assert pad.say("013130") == "01F2F3"
    pad.key("release")
    assert pad.say("013130") == "010405"


# Wipe, tamper, power, battery.


def test_reset_forgets_parameters_and_keeps_keys(pad: PadBench) -> None:
    assert pad.say("013130") == "010405"
    assert pad.ask("36" + "00" * 8) == "A5"
    assert pad.say("0343004000") == "010405"
    assert pad.ask("36" + "00" * 8) == "04D2B91CC5A758BB08"
    kept = PadBench(readings=PinPadReadings(reset_keeps=True)).golden()
    assert kept.say("013130") == "010405"
    assert kept.ask("36" + "00" * 8) == "04D2B91CC5A758BB08"


def test_after_a_wipe_other_models_say_that_the_work_key_is_missing() -> None:
    pad = PadBench(readings=PinPadReadings(after_wipe="A5")).golden()
    assert pad.say("0231380B") == "010405"
    assert pad.ask("36" + "00" * 8) == "A5"


@pytest.mark.parametrize("powered", [True, False])
def test_taking_the_pad_out_destroys_every_key(pad: PadBench, powered: bool) -> None:
    if not powered:
        pad.key("poweroff")
    pad.key("remove-keypad")
    if not powered:
        pad.key("poweron")
        pad.wait(1.0)
    assert pad.say("013130") == "01F6F7"
    for use in ("0343004000", characters("41 30"), characters("36" + "00" * 8), "014243", characters("65 00")):
        assert pad.say(use) == "01A4A5"
    assert pad.ask("35 06 01 00 00 3C") == "A4"
    assert pad.ask("45 03") == "E1"
    assert pad.say(TMK) == characters("E1")
    assert pad.ask("A0 31") == "E2"  # still out of its place
    for action in ("refit", "poweroff", "poweron"):
        pad.key(action)
    pad.wait(1.0)
    assert pad.say("013130") == "01F6F7"
    assert pad.ask("7E") == "04" + "0" * 20
    assert pad.ask("A0 31") == "04"
    assert pad.say("013130") == "010405"
    pad.golden()


def test_keys_go_in_the_middle_of_a_computation(pad: PadBench) -> None:
    pad.device.receive(b"\x02" + characters("36" + "00" * 248).encode() + b"\x03", pad.now)
    pad.wait(0.05)
    assert pad.key("remove-keypad") == b"\x0201A4A5\x03"
    assert pad.wait(1.0) == b""
    assert pad.say("013130") == "01F6F7"


def test_a_pin_that_was_being_entered_goes_with_the_keys(pad: PadBench) -> None:
    pad.entry("123456", "enter")
    pad.key("remove-keypad")
    assert pad.say("014243") == "01A4A5"
    assert pad.device.snapshot()["entered"] == 0


def test_a_power_cut_keeps_keys_and_forgets_the_rest(pad: PadBench) -> None:
    pad.entry("123456", "enter")
    pad.key("poweroff")
    assert pad.say("013130") == ""
    assert pad.keys("1") == b""
    pad.key("poweron")
    assert pad.say("013130", 0.1) == ""  # starting
    pad.wait(0.5)
    assert pad.ask("42") == "A5"
    assert pad.say("0343004000") == "010405"
    assert pad.ask("42") == "19"
    assert pad.ask("36" + "00" * 8) == "04D2B91CC5A758BB08"


def test_a_low_battery_is_told_with_every_answer(pad: PadBench) -> None:
    pad.key("battery-low")
    assert pad.say("0343004000") == characters("C4")
    assert pad.ask("99") == "D5"
    assert pad.say("013130") == characters("F5")
    pad.key("battery-ok")
    assert pad.say("013130") == "010405"


def test_a_serial_number_is_written_once(pad: PadBench) -> None:
    assert pad.ask("38") == "04" + b"OC260001".hex().upper()
    assert pad.ask("38" + "4142434445464748") == "04"
    assert pad.ask("38" + "4142434445464748") == "1A"
    assert pad.ask("38") == "044142434445464748"


def test_random_is_random_and_repeatable() -> None:
    first, second, other = PadBench(seed=1), PadBench(seed=1), PadBench(seed=2)
    values = [first.ask("33"), first.ask("33"), second.ask("33"), other.ask("33")]
    assert all(len(each) == 34 for each in values)
    assert values[0] == values[2]
    assert len(set(values)) == 3


# The line.


def test_what_is_no_command_is_answered_or_met_with_silence() -> None:
    pad, silent = PadBench(), PadBench(readings=PinPadReadings(bad_frame="silence"))
    for each, answer in ((pad, "011514"), (silent, "")):
        assert each.say("013131") == answer  # check byte
        assert each.say("023130") == answer  # length
        assert each.say("0131") == answer
        assert each.say("01313g") == ""
        assert each.say("01313a") == ""
        each.device.receive(b"1234\xff", each.now)
        assert each.wait(1.0) == b""
        assert len(each.device.violations()) >= 8
        assert each.say("013130") == "010405"


def test_violations_show_no_byte_of_what_was_broken(pad: PadBench) -> None:
    pad.say(TMK[:-1] + "1")
    pad.say("0x" + D)
    told = " ".join(pad.device.violations())
    assert D not in told
    assert "no frame" in told


def test_the_final_03_is_left_out_until_it_is_asked_for() -> None:
    pad = PadBench(options=PinPadOptions(trailer=False))
    assert pad.send("02" + b"013130".hex() + "03", 1.0) == b"\x02010405"
    assert pad.send("02" + b"013130".hex(), 1.0) == b"\x02010405"
    assert pad.send("02" + characters("4509").encode().hex(), 1.0) == b"\x02010405\x03"


def test_commands_that_come_while_one_is_running_wait_their_turn(pad: PadBench) -> None:
    frames = [characters("36" + "00" * 80), characters("42"), characters("99")]
    pad.device.receive(b"".join(b"\x02" + each.encode() + b"\x03" for each in frames), pad.now)
    said = pad.wait(3.0).split(b"\x03")
    assert said[0].startswith(b"\x025104D2B91CC5")
    assert said[1:] == [b"\x02011918", b"\x0201E0E1", b""]
    assert pad.device.violations() == ["command while the last one is still running"] * 2


def test_blocks_take_their_time() -> None:
    slow = PinPadTiming(des_block_s=0.025, tdes_block_s=0.075)
    pad = PadBench(timing=slow).golden()
    pad.device.receive(b"\x02" + characters("36" + "00" * 248).encode() + b"\x03", pad.now)
    assert pad.wait(31 * 0.075) == b""
    assert len(pad.wait(0.1)) == 2 * 251 + 2
    brisk = PadBench(timing=PinPadTiming.brisk()).golden()
    assert brisk.say("014243", 0.0) == characters("19")


def test_a_host_that_relies_on_what_it_never_set_is_told_so() -> None:
    pad = PadBench()
    pad.say(TMK)
    pad.say(TPK)
    pad.say("0343004000")
    pad.ask("41 30")
    said = ["load-cipher", "work-cipher", "mac-mode"]
    assert pad.device.violations() == [f"{each} is used before it was set" for each in said]


def test_a_pad_that_is_not_strict_takes_a_whole_card_number_and_more_data() -> None:
    pad = PadBench(mode="realistic").golden()
    assert pad.ask("34" + b"6789012345678901234".hex()) == "04"
    assert pad.ask("36" + "00" * 256)[:2] == "04"
    assert len(pad.device.violations()) == 2


def test_a_hostile_pad_is_legal() -> None:
    pad = PadBench(mode="hostile", seed=3)
    for _ in range(20):
        pad.device.receive(b"\x02013130\x03", pad.now)
        assert b"010405\x03" in pad.wait(2.0).replace(b"\xff", b"")


def test_the_snapshot_shows_no_key_and_no_digit(pad: PadBench) -> None:
    pad.entry("246813")
    shown = repr(pad.device.snapshot()) + repr(pad.device.logic.store.masters)  # type: ignore[attr-defined]
    assert "246813" not in shown
    assert D not in shown.upper()
    assert pad.device.snapshot()["entered"] == 6
    assert pad.device.snapshot()["masters"] == [0]
    assert pad.device.snapshot()["work_keys"] == ["0/0"]
    assert pad.device.snapshot()["keypad"] == "pin"
