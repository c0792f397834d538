"""How this backend is known to the other systems: one file of credentials, read into what the channels take.

The file is YAML or JSON and holds secrets: only its user may read it. Names of files in it are relative to its own folder. What
is not in it is not connected.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError

from protocols.wire.bank.days import CutOver
from protocols.wire.base import WireError
from reference_impl.backend.banking.host import BankSettings
from reference_impl.backend.banking.security_module import KeyFileError, SecurityModule
from reference_impl.backend.business import Links
from reference_impl.backend.channels.his_vendors import VENDORS
from reference_impl.backend.channels.insurance_client import InsuranceSettings
from reference_impl.backend.channels.notify_client import NotifyConfig
from reference_impl.backend.channels.qr import QrConfig, qr_messages
from reference_impl.backend.settings import Section, SettingsError

__all__ = ["Credentials", "links_of", "notify_of", "qr_config_of", "read_credentials"]

Word = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class HisCredentials(Section):
    """``vendor``: whose interface is spoken, see :data:`reference_impl.backend.channels.his_vendors.VENDORS`."""

    vendor: Literal["json", "xml"] = "json"
    secret: SecretStr


class InsuranceCredentials(Section):
    paasid: Word
    secret: SecretStr
    limit_s: Seconds = 60.0


class QrCredentials(Section):
    """Keys are base64 of their DER form, with or without PEM lines."""

    wechat_appid: Word
    wechat_mch_id: Word
    wechat_key: SecretStr
    wechat_serial: str = ""
    alipay_app_id: Word
    unionpay_mer_id: Word
    merchant_private_key: SecretStr
    gateway_public_key: str


class BankCredentials(Section):
    """``key_file`` is what the key ceremony wrote, ``local_key_file`` the key under which it is sealed."""

    key_file: Path
    local_key_file: Path
    limit_s: Seconds = 60.0
    cut_over: str = "23:00"


class NotifyCredentials(Section):
    appid: Word
    secret: SecretStr
    sms_key: SecretStr


class Credentials(Section):
    """All of the file. The five kinds of payment need the first four parts; ``notify`` may be missing."""

    his: HisCredentials
    insurance: InsuranceCredentials
    qr: QrCredentials
    bank: BankCredentials
    notify: NotifyCredentials | None = None


def read_credentials(file: Path) -> Credentials:
    """Raises :class:`SettingsError`, which shows no value of the file."""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file}: cannot be read ({type(error).__name__}): see the setting credentials_file"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SettingsError(f"{file}{f':{mark.line + 1}' if mark else ''}: no YAML") from None
    if mode & 0o077:
        raise SettingsError(f"{file}: others can read it (mode {mode:o}): chmod 600, and new credentials if they did")
    try:
        found = Credentials.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SettingsError(f"{file}: {where}: {first['type'].replace('_', ' ')}: see docs/backend.md") from None
    folder = file.resolve().parent
    bank = found.bank.model_copy(
        update={"key_file": folder / found.bank.key_file, "local_key_file": folder / found.bank.local_key_file}
    )
    return found.model_copy(update={"bank": bank})


def links_of(credentials: Credentials) -> Links:
    """Raises :class:`SettingsError` for keys that cannot be used."""
    his, insurance, bank = credentials.his, credentials.insurance, credentials.bank
    try:
        return Links(
            his=VENDORS[his.vendor](his.secret.get_secret_value()),
            insurance=InsuranceSettings(
                paasid=insurance.paasid, secret=insurance.secret.get_secret_value(), limit_s=insurance.limit_s
            ),
            bank=BankSettings(cut_over=CutOver.of(bank.cut_over), limit_s=bank.limit_s),
            bank_keys=SecurityModule.from_files(bank.key_file, bank.local_key_file),
            qr=qr_messages(qr_config_of(credentials)),
        )
    except (KeyFileError, WireError, ValueError) as error:
        raise SettingsError(f"credentials: {error}") from None


def qr_config_of(credentials: Credentials) -> QrConfig:
    """Of the QR gateway; its bills are fetched with it too."""
    qr = credentials.qr
    return QrConfig(
        wechat_appid=qr.wechat_appid,
        wechat_mch_id=qr.wechat_mch_id,
        wechat_key=qr.wechat_key.get_secret_value(),
        wechat_serial=qr.wechat_serial,
        alipay_app_id=qr.alipay_app_id,
        unionpay_mer_id=qr.unionpay_mer_id,
        merchant_private_key=qr.merchant_private_key.get_secret_value(),
        gateway_public_key=qr.gateway_public_key,
    )


def notify_of(credentials: Credentials) -> NotifyConfig | None:
    """None where there is no such platform."""
    notify = credentials.notify
    if notify is None:
        return None
    return NotifyConfig(notify.appid, notify.secret.get_secret_value(), notify.sms_key.get_secret_value())
