"""What a PIN pad does with keys and data: load, replace, activate, check, encipher, authenticate (spec/devices.md 1.2, 3)."""

from __future__ import annotations

from collections.abc import Callable

from protocols.wire.pin_pad import Chaining, Cipher, Error, MacMode, Reply, Request, Setting
from simulators.device.pin_pad_ciphers import DES, SM4_CIPHER, TDES, BlockCipher, cbc, mac
from simulators.device.pin_pad_keys import KeyStore, StoredKey
from simulators.device.pin_pad_rules import After, Outcome
from simulators.device.pin_pad_state import PadState

__all__ = ["KeyLogic"]

DATA_LIMIT_BYTES = 248
SM4_KEY_BYTES = 16


class KeyLogic:
    """One method for each operation on keys and data. Swapped as a whole or in parts by faulty pads."""

    def __init__(self, state: PadState, store: KeyStore) -> None:
        self.state, self.store = state, store
        self.active: tuple[int, int] | None = None
        self.active_sm = False
        self.vector, self.sm_vector = bytes(8), bytes(16)

    def forget(self) -> None:
        """Active key and vectors: what a reset or a power cut takes."""
        self.active, self.active_sm = None, False
        self.vector, self.sm_vector = bytes(8), bytes(16)

    def set_vector(self, request: Request) -> Outcome:
        sm = request.cipher is Cipher.SM4
        if len(request.data) != (16 if sm else 8):
            return self.state.refuse(Error.PARAMETER)
        if sm:
            self.sm_vector = request.data
        else:
            self.vector = request.data
        return self.state.done()

    # Keys.

    def locked(self) -> Reply | None:
        """Why no key can be loaded now; None when one can."""
        if not self.state.tampered:
            return None
        return self.state.refuse(
            Error.LOCKED if self.state.readings.load_while_tampered == "E1" else Error.MASTER_MISSING
        )

    def load_master(self, request: Request) -> Outcome:
        if (locked := self.locked()) is not None:
            return locked
        sm, key = request.cipher is Cipher.SM4, request.data
        if not self.store.fits(request.master, key) or (sm and len(key) != SM4_KEY_BYTES):
            return self.state.refuse(Error.PARAMETER)
        if not request.wrapped:
            return self.keep_master(request.master, StoredKey(key, sm))
        under = self.active_key()
        if isinstance(under, Reply):
            return under
        cipher = self.work_cipher(under)
        if len(key) % cipher.block:
            return self.state.refuse(Error.PARAMETER)
        plain = StoredKey(cipher.decipher(under.value, key), sm)
        return self.later(cipher, len(key), lambda: self.keep_master(request.master, plain))

    def keep_master(self, master: int, key: StoredKey) -> Reply:
        self.store.load_master(master, key)
        return self.loaded(key)

    def load_work(self, request: Request) -> Outcome:
        if (locked := self.locked()) is not None:
            return locked
        if not self.store.fits(request.master, request.data):
            return self.state.refuse(Error.PARAMETER)
        under = self.store.find(request.master, None)
        if under is None:
            return self.state.refuse(Error.MASTER_MISSING)
        cipher = self.load_cipher(under)
        if len(request.data) % cipher.block:
            return self.state.refuse(Error.PARAMETER)
        key = StoredKey(cipher.decipher(under.value, request.data), under.sm4)
        return self.later(cipher, len(request.data), lambda: self.keep_work(request, key))

    def keep_work(self, request: Request, key: StoredKey) -> Reply:
        self.store.load_work(request.master, request.slot or 0, key)
        return self.loaded(key)

    def loaded(self, key: StoredKey) -> Reply:
        return self.state.done(key.check[: self.state.settings.kcv_bytes] if self.state.settings.kcv_on else b"")

    def load_cipher(self, under: StoredKey) -> BlockCipher:
        if under.sm4:
            return SM4_CIPHER
        self.state.must_be_set(Setting.LOAD_CIPHER)
        return DES if self.state.settings.load_cipher is Cipher.DES else TDES

    def delete_key(self, request: Request) -> Outcome:
        if self.missing(request) is not None:
            return self.state.refuse(self.missing(request) or Error.OTHER)
        self.store.delete(request.master, request.slot)
        return self.state.done()

    def kcv(self, request: Request) -> Outcome:
        key = self.store.find(request.master, request.slot)
        if key is None:
            return self.state.refuse(self.missing(request) or Error.OTHER)
        return self.state.done(key.check[: self.state.settings.kcv_bytes])

    def missing(self, request: Request) -> Error | None:
        """Why the key that *request* names is not there."""
        if request.master >= self.state.options.groups:
            return Error.PARAMETER
        if self.store.find(request.master, request.slot) is not None:
            return None
        if request.slot is None or self.store.find(request.master, None) is None:
            return Error.MASTER_MISSING
        return Error.WORK_MISSING

    def activate(self, request: Request) -> Outcome:
        sm = request.cipher is Cipher.SM4
        if request.cipher is Cipher.SM2:
            return self.state.refuse(Error.PARAMETER)
        if self.state.settings.master_as_work and not sm:
            request = Request(request.op, request.master)
        if (error := self.missing(request)) is not None:
            return self.state.refuse(error)
        key = self.store.find(request.master, request.slot)
        if key is None or key.sm4 != sm:
            return self.state.refuse(Error.WORK_MISSING)
        self.active, self.active_sm = (request.master, request.slot or 0), sm
        return self.state.done()

    def active_key(self) -> StoredKey | Reply:
        """The key that is used now, or why there is none."""
        if self.active is not None:
            master, slot = self.active
            key = self.store.find(master, None if self.state.settings.master_as_work and not self.active_sm else slot)
            if key is not None:
                return key
        if self.state.tampered or (self.store.empty and self.state.readings.after_wipe == "A4"):
            return self.state.refuse(Error.MASTER_MISSING)
        return self.state.refuse(Error.WORK_MISSING)

    def work_cipher(self, key: StoredKey) -> BlockCipher:
        if key.sm4:
            return SM4_CIPHER
        self.state.must_be_set(Setting.WORK_CIPHER)
        return DES if self.state.settings.work_cipher in (Cipher.DES, Cipher.MASTER_DES) else TDES

    # Data.

    def crypt(self, request: Request, *, decipher: bool) -> Outcome:
        key = self.active_key()
        if isinstance(key, Reply):
            return key
        cipher, data = self.work_cipher(key), request.data
        if not data or len(data) % cipher.block or not self.within(data):
            return self.state.refuse(Error.PARAMETER)
        return self.later(cipher, len(data), lambda: self.state.done(self.modes(cipher, key.value, data, decipher)))

    def within(self, data: bytes) -> bool:
        """At most 248 bytes a call; a pad that is not strict takes more."""
        if len(data) <= DATA_LIMIT_BYTES:
            return True
        self.state.violate(f"more than {DATA_LIMIT_BYTES} bytes of data")
        return not self.state.strict

    def modes(self, cipher: BlockCipher, key: bytes, data: bytes, decipher: bool) -> bytes:
        sm = cipher is SM4_CIPHER
        if (self.state.settings.sm_chaining if sm else self.state.settings.chaining) is Chaining.CBC:
            return cbc(cipher, key, self.sm_vector if sm else self.vector, data, decipher=decipher)
        return cipher.decipher(key, data) if decipher else cipher.encipher(key, data)

    def mac(self, request: Request) -> Outcome:
        key = self.active_key()
        if isinstance(key, Reply):
            return key
        if not request.data:
            return self.state.refuse(Error.PARAMETER)
        cipher = self.work_cipher(key)
        if not key.sm4:
            self.state.must_be_set(Setting.MAC_MODE)
        mode = self.state.settings.sm_mac_mode if key.sm4 else self.state.settings.mac_mode
        return self.later(
            cipher, len(request.data), lambda: self.state.done(self.mac_of(mode, cipher, key, request.data))
        )

    def mac_of(self, mode: MacMode, cipher: BlockCipher, key: StoredKey, data: bytes) -> bytes:
        code = mac(mode, cipher, key.value, data)
        if mode is MacMode.UNIONPAY and self.state.readings.unionpay_answer == "bytes":
            return bytes.fromhex(code.decode("ascii")).ljust(8, b"\0")
        return code

    def later(self, cipher: BlockCipher, count: int, then: Callable[[], Outcome]) -> Outcome:
        """*count* bytes through *cipher* take their time."""
        block_s = {DES: self.state.timing.des_block_s, TDES: self.state.timing.tdes_block_s}.get(
            cipher, self.state.timing.sm4_block_s
        )
        return After(block_s * -(-count // cipher.block), then)
