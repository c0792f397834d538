"""What a PIN pad does when it is asked: one method for each operation, in neutral words (spec/devices.md 1.2, 1.4).

Line and dialect are elsewhere; here a :class:`Request` goes in and an outcome comes out, at once or later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.seeded import SeededChoice
from protocols.wire.pin_pad import Cipher, EntryMode, Error, Keypad, Op, PinFormat, Reply, Request, Setting
from simulators.device.pin_pad_ciphers import clear_block, sm_block
from simulators.device.pin_pad_crypto import KeyLogic
from simulators.device.pin_pad_entry import Entry, Mode
from simulators.device.pin_pad_keys import KeyStore, StoredKey
from simulators.device.pin_pad_rules import After, Outcome
from simulators.device.pin_pad_settings import Settings
from simulators.device.pin_pad_state import PadState

__all__ = ["PadLogic"]

MAX_DIGITS = 12
RANDOM_BYTES = 16
PAN_DIGITS = 12
PAN_LENGTHS = range(13, 20)


class PadLogic:
    """The pad behind the line. It is swapped as a whole or in parts by faulty pads."""

    def __init__(self, state: PadState, store: KeyStore, keys: KeyLogic, entry: Entry, seed: int) -> None:
        self.state, self.store, self.keys, self.entry = state, store, keys, entry
        self.choice = SeededChoice(seed, "pin pad")
        self.pan = ""
        self.pin_format = PinFormat.ISO_0
        self.serial = state.options.serial
        self.serial_written = False
        self.trailer = state.options.trailer
        self.timed_out = False
        """The last entry ran out of time, and nobody has been told (reading ``on-ask``)."""
        self.now = 0.0
        self.handlers: dict[Op, Callable[[Request], Outcome]] = {
            Op.RESET: self.reset,
            Op.WIPE: self.wipe,
            Op.VERSION: self.version,
            Op.LOAD_MASTER: keys.load_master,
            Op.LOAD_WORK: keys.load_work,
            Op.RANDOM: lambda request: state.done(self.choice.bytes(RANDOM_BYTES)),
            Op.PAN: self.set_pan,
            Op.START_PIN: self.start_pin,
            Op.PIN_BLOCK: self.pin_block,
            Op.ENCRYPT: lambda request: keys.crypt(request, decipher=False),
            Op.DECRYPT: lambda request: keys.crypt(request, decipher=True),
            Op.MAC: keys.mac,
            Op.ACTIVATE: keys.activate,
            Op.KEYPAD: self.keypad,
            Op.SET: self.set,
            Op.VECTOR: keys.set_vector,
            Op.DELETE_KEY: keys.delete_key,
            Op.KCV: keys.kcv,
            Op.KEY_TABLE: lambda request: state.done(store.table()),
            Op.SERIAL: self.terminal_serial,
            Op.FIRMWARE: lambda request: state.done(state.options.firmware),
            Op.CHIP_VERSION: lambda request: state.done(b"SM01") if state.options.sm else state.unknown(),
            Op.REARM: self.rearm,
            Op.CONNECTIVITY: lambda request: state.done(),
        }

    def begin(self, request: Request, now: float) -> Outcome:
        """Do what *request* asks. What the dialect knows and this model lacks is an invalid command."""
        self.now = now
        if request.op is Op.UNKNOWN:
            return self.state.refuse(Error.PARAMETER) if request.number else self.state.unknown()
        if request.cipher in (Cipher.SM4, Cipher.SM2) and not self.state.options.sm:
            return self.state.unknown()
        handler = self.handlers.get(request.op)
        return self.state.unknown() if handler is None else handler(request)

    # The pad itself.

    def reset(self, request: Request) -> Outcome:
        if not self.state.readings.reset_keeps:
            self.forget()
        self.entry.close()
        return After(self.state.timing.self_test_s, self.self_test)

    def self_test(self) -> Reply:
        if self.state.keys_shorted or self.state.key_held(self.state.timing.long_hold_s):
            return self.state.refuse(Error.TEST_KEYS)
        if self.state.tampered:
            return self.state.refuse(Error.TEST_MASTER_LOST)
        return self.state.refuse(Error.TEST_BATTERY) if self.state.battery_low else self.state.done()

    def wipe(self, request: Request) -> Outcome:
        self.store.erase()
        self.forget()
        self.entry.close()
        return After(self.state.timing.self_test_s, self.self_test)

    def forget(self) -> None:
        """Parameters, active key and card number: what a reset or a power cut takes."""
        self.state.settings = Settings()
        self.keys.forget()
        self.pan = ""
        self.entry.auto_end = self.entry.backspace = False
        self.timed_out = False

    def version(self, request: Request) -> Outcome:
        serial = bytes(byte % 10 << 4 | byte % 7 for byte in self.serial[-4:])
        return self.state.done(self.state.options.version + serial + bytes(4) + bytes(2))

    def terminal_serial(self, request: Request) -> Outcome:
        if not request.data:
            return self.state.done(self.serial)
        if len(request.data) != len(self.serial):
            return self.state.refuse(Error.PARAMETER)
        if self.serial_written:
            return self.state.refuse(Error.SERIAL_SET)
        self.serial, self.serial_written = request.data, True
        return self.state.done()

    def rearm(self, request: Request) -> Outcome:
        if self.state.removed:
            return self.state.refuse(Error.NOT_CLEARED)
        self.state.tampered = False
        return self.state.done()

    def set(self, request: Request) -> Outcome:
        setting = request.setting
        if setting in (Setting.SM_LAYOUT, Setting.SM_MAC_MODE, Setting.SM_CHAINING) and not self.state.options.sm:
            return self.state.unknown()
        if setting is None or not self.state.settings.accept(setting, request.value):
            return self.state.refuse(Error.PARAMETER)
        if setting is Setting.AUTO_END:
            self.entry.auto_end = request.value == 1
        return self.state.done()

    # The PIN.

    def set_pan(self, request: Request) -> Outcome:
        digits = request.data
        if not digits.isdigit():
            return self.state.refuse(Error.PARAMETER)
        if len(digits) in PAN_LENGTHS:
            self.state.violate("a whole card number instead of twelve digits of it")
            if self.state.strict:
                return self.state.refuse(Error.PARAMETER)
            digits = digits[-1 - PAN_DIGITS : -1]
        if len(digits) != PAN_DIGITS:
            return self.state.refuse(Error.PARAMETER)
        self.pan = digits.decode("ascii")
        return self.state.done()

    def keypad(self, request: Request) -> Outcome:
        match request.keypad:
            case Keypad.CLEAR_ALL | Keypad.BACKSPACE:
                self.entry.backspace = request.keypad is Keypad.BACKSPACE
            case Keypad.USE_TRAILER:
                self.trailer = True
            case Keypad.OPEN | Keypad.OPEN_SOUND:
                if self.state.tampered:
                    return self.state.refuse(Error.LOCKED)
                self.entry.open()
            case _:
                self.entry.close()
        return self.state.done()

    def start_pin(self, request: Request) -> Outcome:
        if (refusal := self.start_refusal(request)) is not None:
            return refusal
        by_mode = {EntryMode.ASCII: PinFormat.ASCII, EntryMode.IBM_3624: PinFormat.IBM_3624}
        self.pin_format = by_mode.get(request.mode, self.state.settings.pin_format)
        self.timed_out = False
        self.entry.start(self.least(), request.most, request.shown, request.limit_s, self.now)
        return self.state.done()

    def least(self) -> int:
        return self.state.settings.least_digits or self.state.options.least_digits

    def start_refusal(self, request: Request) -> Reply | None:
        """Why no PIN can be entered now; None when it can."""
        key = self.keys.active_key()
        if isinstance(key, Reply):
            return key
        if not self.least() <= request.most <= MAX_DIGITS or not request.limit_s:
            return self.state.refuse(Error.PARAMETER)
        if request.mode is EntryMode.WITH_PAN and not self.pan:
            return self.state.refuse(Error.PARAMETER)
        if request.mode in (EntryMode.BY_PARAMETER, EntryMode.WITH_PAN) and not key.sm4:
            self.state.must_be_set(Setting.PIN_FORMAT)
        if self.entry.mode is Mode.CLOSED and self.state.readings.keypad_first:
            self.state.violate("PIN entry while the keypad is closed")
            return self.state.refuse(Error.MODE)
        return self.state.refuse(Error.TIME_OUT) if self.state.key_held(0.0) else None

    def pin_block(self, request: Request) -> Outcome:
        if self.timed_out:
            self.timed_out = False
            return self.state.refuse(Error.TIME_OUT)
        key = self.keys.active_key()
        if isinstance(key, Reply):
            self.entry.take()
            return key
        pin = self.entry.take()
        if not pin:
            return self.state.refuse(Error.NO_PIN)
        block = self.block_of(key, pin)
        if block is None:
            return self.state.refuse(Error.PARAMETER)
        cipher = self.keys.work_cipher(key)
        return self.keys.later(cipher, len(block), lambda: self.state.done(cipher.encipher(key.value, block)))

    def block_of(self, key: StoredKey, pin: str) -> bytes | None:
        if key.sm4:
            return sm_block(self.state.settings.sm_layout, pin, self.pan, self.choice.one_of)
        return clear_block(self.pin_format, pin, self.pan, self.choice.one_of)

    # The room and the supply.

    def remove(self) -> None:
        """The pad is taken out: every key goes at once, with or without a supply."""
        self.state.tampered = self.state.removed = True
        self.store.erase()
        self.keys.forget()
        self.entry.close()

    def refit(self) -> None:
        self.state.removed = False

    def power_off(self) -> None:
        self.entry.close()
        self.forget()
        self.trailer = self.state.options.trailer

    def snapshot(self) -> Mapping[str, object]:
        active = self.keys.active
        return {
            **self.state.snapshot(),
            **self.entry.snapshot(),
            **self.store.snapshot(),
            "active": "-" if active is None else f"{active[0]}/{active[1]}",
        }
