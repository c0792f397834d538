"""PIN pad: PIN entry and PIN blocks (spec/devices.md 1.2, 3; ISO 9564; SI8 6.4): what is seen of a PIN, and for how long."""

from __future__ import annotations

from conformance.judge_pin_pad import decipher, encipher, format_0
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadExchange, PadView, is_digit
from conformance.suites.pin_pad_words import (
    DOUBLE,
    FUNCTION_KEYS,
    PAN,
    PIN,
    TPK,
    PadCheck,
    ask,
    block_of,
    entered,
    keyed,
    load,
    load_work,
    parameter,
    pin_entry,
    put,
    use,
)
from protocols.wire.base import Label
from protocols.wire.pin_pad import Error, Key, Keypad, Op, PinFormat, Request, Setting

MASKED, ENTER, CLEAR, CANCEL, TIME_OUT = 0x2A, 0x0D, 0x08, 0x1B, 0x80
SETTLE_S = 0.3
SHORT_LIMIT_S = 5
TOLERANCE_S = 2.0
GONE = (Error.NO_PIN, Error.TIME_OUT, Error.NO_KEY_PRESSED, Error.MODE)
"""How a pad may say that there is no PIN."""

TEN_DIGITS = "0123456789"


class PinCheck(PadCheck):
    """One PIN key, active. Somebody presses keys."""

    clauses = ("DG-W20-08", "DG-W20-09")
    hand = ("press", "type")
    needs = ("pad.group_bytes>=16",)
    source = "spec/devices.md 1.2, 3"

    async def prepare(self, t: PadTester) -> None:
        await load(t, DOUBLE)
        await load_work(t, encipher(DOUBLE, TPK))
        await use(t)

    @staticmethod
    def block_is(v: PadView, exchange: PadExchange, pin: str = PIN, pan: str = PAN) -> bool:
        wanted = encipher(TPK, format_0(pin, pan))
        return v.known_answer(exchange, wanted, "密码块", "PIN block")

    @staticmethod
    def gone(v: PadView, exchange: PadExchange, zh: str, en: str) -> None:
        """There must be no PIN any more."""
        v.refused(exchange, GONE, zh, en)


class Format0(PinCheck):
    """DG-W20-08, DG-W20-09: a format 0 block with a wrong digit, length or card number would break it."""

    id = "pad.pin.format-0"
    title = Label("ISO 9564 格式 0 密码块正确", "the ISO 9564 format 0 block is right")
    kills = ("pad.block-without-pan", "pad.length-always-six", "pad.keys-swapped")
    source = "spec/devices.md 3, format 0"

    CASES = ((PIN, PAN), ("1234", "5432101234567891"), (TEN_DIGITS, PAN))

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        for pin, pan in self.CASES:
            await block_of(t, pin, pan)

    def judge(self, v: PadView) -> None:
        keyed(v)
        for (pin, pan), step in zip(self.CASES, v.each("block"), strict=False):
            self.block_is(v, step.first, pin, pan)
        v.must(len(v.each("block")) == len(self.CASES), "三个密码", "three PINs", *v.each("block"))


class OtherFormats(PinCheck):
    """DG-W20-08: a format 2 or format 3 block that is another would break it."""

    id = "pad.pin.formats-2-3"
    title = Label("ISO 9564 格式 2 和格式 3 密码块正确", "the ISO 9564 format 2 and 3 blocks are right")
    clauses = ("DG-W20-08",)
    kills = ("pad.format-always-0",)
    source = "spec/devices.md 3, formats 2 and 3"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t, pin_format=PinFormat.ISO_2)
        await block_of(t, pin_format=PinFormat.ISO_3)

    def judge(self, v: PadView) -> None:
        keyed(v)
        second, third = v.each("block")[:2] if len(v.each("block")) > 1 else (v.step("block"), v.step("block"))
        v.known_answer(second.first, encipher(TPK, bytes.fromhex("26123456FFFFFFFF")), "格式 2", "format 2")
        data = third.first.reply.data
        clear = decipher(TPK, data) if len(data) == 8 else bytes(8)
        opened = bytes(a ^ b for a, b in zip(clear, bytes.fromhex("0000" + PAN[-13:-1]), strict=True)).hex().upper()
        good = opened.startswith(f"3{len(PIN):X}{PIN}") and set(opened[2 + len(PIN) :]) <= set("ABCDEF")
        v.must(third.first.reply.ok and good, "格式 3：长度、密码和填充", "format 3: length, PIN and fill", third)


class Ibm3624(PinCheck):
    """DG-W20-08: a 3624 block that is not the padded PIN would break it."""

    id = "pad.pin.ibm-3624"
    title = Label("IBM 3624 密码块正确", "the IBM 3624 block is right")
    clauses = ("DG-W20-08",)
    kills = ("pad.format-always-0",)
    needs = ("pad.group_bytes>=16", "pad.ibm_3624")
    source = "spec/devices.md 3, IBM 3624 PIN block"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t, pin_format=PinFormat.IBM_3624)

    def judge(self, v: PadView) -> None:
        keyed(v)
        wanted = encipher(TPK, bytes.fromhex("123456FFFFFFFFFF"))
        v.known_answer(v.step("block").first, wanted, "IBM 3624 密码块", "IBM 3624 block")


class MaskedEcho(PinCheck):
    """DG-W20-08: a digit of the PIN that is sent in the clear, or a key that is not told at all, would break it."""

    id = "pad.pin.masked"
    title = Label("输入密码时线上只有星号", "during PIN entry nothing but asterisks is on the line")
    clauses = ("DG-W20-08",)
    kills = ("pad.digits-in-clear", "pad.no-echo")
    control = "block"
    source = "spec/devices.md 1.2, 12 (PIN entry safety)"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t)

    def judge(self, v: PadView) -> None:
        keyed(v)
        step = v.step("keys")
        shown = "".join("#" if is_digit(byte) else f"{byte:02X} " for byte in step.keys)
        v.must(
            not any(is_digit(byte) for byte in step.keys),
            f"没有明文数字：{shown}",
            f"no digit in the clear: {shown}",
            step,
        )
        v.must(
            step.keys == bytes((MASKED,)) * len(PIN) + bytes((ENTER,)),
            f"每位一个 2A，最后 0D：{shown}",
            f"one 2A a digit, then 0D: {shown}",
            step,
        )
        self.block_is(v, v.step("block").first)


class UsedOnce(PinCheck):
    """DG-W20-08: a PIN block that can be had a second time would break it."""

    id = "pad.pin.used-once"
    title = Label("密码块只能取一次", "a PIN block is given once")
    clauses = ("DG-W20-08",)
    kills = ("pad.pin-kept-after-use",)
    control = "block"
    source = "spec/devices.md 1.4, 12 (SI8 6.4)"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t)
        await ask(t, "again", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        self.block_is(v, v.step("block").first)
        self.gone(v, v.step("again").first, "再次取密码块", "ask for the block again")


class Cancelled(PinCheck):
    """DG-W20-08: a PIN that survives the cancel key would break it."""

    id = "pad.pin.cancel"
    title = Label("取消后密码不复存在", "cancel forgets the PIN")
    clauses = ("DG-W20-08",)
    kills = ("pad.pin-kept-after-cancel",)
    control = "block"
    source = "spec/devices.md 1.4, 12 (SI8 6.4)"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t)
        await pin_entry(t)
        await entered(t, then="cancel", step="cancelled")
        await ask(t, "after", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        self.block_is(v, v.step("block").first)
        step = v.step("cancelled")
        told = step.keys[-1:].hex().upper()
        v.must(step.keys[-1:] == bytes((CANCEL,)), f"取消键：{told}", f"the cancel key: {told}", step)
        self.gone(v, v.step("after").first, "取消后取密码块", "ask for the block after cancel")


class TimedOut(PinCheck):
    """DG-W20-08: a PIN entry that never ends by itself, or whose digits outlive it, would break it."""

    id = "pad.pin.time-out"
    title = Label("超时后输入结束，密码不复存在", "an entry ends in time and forgets its digits")
    clauses = ("DG-W20-08",)
    kills = ("pad.never-times-out", "pad.pin-kept-after-time-out")
    control = "block"
    source = "spec/devices.md 1.4 (SI8 6.4); open-readings.md, time-out of PIN entry"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t)
        await pin_entry(t, limit_s=SHORT_LIMIT_S)
        await t.act(f"type {PIN}")
        with t.step("waiting"):
            await t.listen(SETTLE_S)
            await t.pause(SHORT_LIMIT_S + TOLERANCE_S)
            await t.listen(SETTLE_S)
        await t.act("press enter")
        with t.step("late"):
            await t.listen(SETTLE_S)
        await ask(t, "after", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        self.block_is(v, v.step("block").first)
        waiting, after = v.step("waiting"), v.step("after").first
        told = {
            "frame": any(reply.error in (Error.TIME_OUT, Error.NO_KEY_PRESSED) for reply in waiting.replies),
            "key": TIME_OUT in waiting.keys,
            "on-ask": after.reply.error is Error.TIME_OUT,
        }
        settled = parameter(v, "time_out")
        v.must(
            told[settled] if settled in told else any(told.values()),
            "超时已告知主机",
            "the host is told that the time has passed",
            waiting,
            after,
        )
        v.must(ENTER not in v.step("late").keys, "超时后按键无效", "keys are dead after it", v.step("late"))
        self.gone(v, after, "超时后取密码块", "ask for the block after the time-out")


class Lengths(PinCheck):
    """DG-W20-08: a PIN below the least length that is accepted, or digits beyond the most that count, would break it."""

    id = "pad.pin.length"
    title = Label("密码长度限制有效", "the limits of the PIN's length hold")
    clauses = ("DG-W20-08",)
    kills = ("pad.least-ignored", "pad.most-ignored")
    source = "spec/devices.md 1.2, 46 08 and 35; open-readings.md, enter below the minimum length"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await put(t, Setting.PIN_FORMAT, PinFormat.ISO_0)
        await put(t, Setting.LEAST_DIGITS, 6)
        await pin_entry(t)
        await entered(t, PIN[:5], step="short")
        await entered(t, PIN[5:], step="long-enough")
        await ask(t, "block", Request(Op.PIN_BLOCK))
        await pin_entry(t, most=6)
        await entered(t, f"{PIN}78")
        await ask(t, "block", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.must(ENTER not in v.step("short").keys, "五位时确认无效", "enter is dead below six digits", v.step("short"))
        for step in v.each("block"):
            self.block_is(v, step.first)
        v.must(len(v.each("block")) == 2, "两个密码块", "two blocks", *v.each("block"))


class ClearKey(PinCheck):
    """DG-W20-08: a clear key that leaves digits behind would break it."""

    id = "pad.pin.clear"
    title = Label("更正键清除已输入的密码", "the clear key clears what was typed")
    clauses = ("DG-W20-08",)
    kills = ("pad.clear-ignored",)
    source = "spec/devices.md 1.2, 45 20"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "clear-all", Request(Op.KEYPAD, keypad=Keypad.CLEAR_ALL))
        await put(t, Setting.PIN_FORMAT, PinFormat.ISO_0)
        await pin_entry(t)
        await entered(t, "129", "clear", step="cleared")
        await entered(t)
        await ask(t, "block", Request(Op.PIN_BLOCK))

    def judge(self, v: PadView) -> None:
        keyed(v)
        step = v.step("cleared")
        v.must(step.keys[-1:] == bytes((CLEAR,)), "更正键 08", "the clear key is told as 08", step)
        self.block_is(v, v.step("block").first)


class ClosedKeypad(PinCheck):
    """DG-W20-08: keys that are told while the keypad is closed would break it."""

    id = "pad.pin.closed-keypad"
    title = Label("键盘关闭时不发送按键", "a closed keypad tells no key")
    clauses = ("DG-W20-08",)
    kills = ("pad.closed-keypad-talks",)
    control = "block"
    source = "spec/devices.md 1.2, 45 00"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await block_of(t)
        await ask(t, "close", Request(Op.KEYPAD, keypad=Keypad.CLOSED))
        with t.step("closed"):
            await t.act(f"type {PIN}")
            await t.act("press enter")
            await t.listen(SETTLE_S)

    def judge(self, v: PadView) -> None:
        keyed(v)
        self.block_is(v, v.step("block").first)
        v.succeeded(v.step("close").first, "关闭键盘", "close the keypad")
        step = v.step("closed")
        v.must(not step.keys, f"收到 {len(step.keys)} 个按键", f"{len(step.keys)} keys were told", step)


class SixteenKeys(PadCheck):
    """DG-W20-06, DG-WXC-12: a key that is missing, or has the code of another, would break it."""

    id = "pad.keys.sixteen"
    title = Label("16 个按键各有其码", "sixteen keys have sixteen codes")
    clauses = ("DG-W20-06", "DG-WXC-12")
    kills = ("pad.same-code", "pad.plain-masked", "pad.key-dead")
    hand = ("press",)
    needs = ("pad.sixteen_keys",)
    witness = True
    source = "spec/devices.md 1.1, key codes; 12"

    async def drive(self, t: PadTester) -> None:
        await ask(t, "open", Request(Op.KEYPAD, keypad=Keypad.OPEN))
        codes: list[int] = []
        for key in (*(each for each in Key if each.digit), *FUNCTION_KEYS):
            with t.step("key", digit=key.digit):
                code = await t.press(key.value)
            codes += [] if code is None else [code]
        # Digits in the clear leave the bench as one and the same mark: how many differed is counted while they are seen.
        with t.step("counted", codes=len(set(codes))):
            await t.ask(Request(Op.KEYPAD, keypad=Keypad.CLOSED))

    def judge(self, v: PadView) -> None:
        v.succeeded(v.step("open").first, "打开键盘", "open the keypad")
        steps = v.each("key")
        ones = [step for step in steps if len(step.keys) == 1]
        v.must(len(ones) == 16, f"{len(ones)} 个按键各有一个码", f"{len(ones)} keys have one code each", *steps)
        right = [step for step in ones if is_digit(step.keys[0]) == bool(step.note["digit"])]
        v.must(
            len(right) == 16, f"{len(right)} 个码是所应有的一类", f"{len(right)} codes are of the right kind", *steps
        )
        others = {step.keys for step in ones if not step.note["digit"]}
        v.must(len(others) == 6, f"功能键的码 {len(others)} 种", f"{len(others)} codes of function keys", *steps)
        count = int(v.step("counted").note["codes"])
        v.must(count == 16, f"共 {count} 种码", f"{count} different codes in all", v.step("counted"))
