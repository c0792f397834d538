"""Verify a dossier offline: nothing is trusted that can be computed again.

Signature, manifest, every byte of every file, the chain of the history, agreement of all files with each other, and
at last every verdict, made anew from the history by the oracles that are installed here. What all this proves is that
the dossier agrees with itself and with the suite, and who signed it; not that its bytes came from a device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conformance.dossier.kill_claims import MutantBench, check_kill_matrix
from conformance.dossier.recompute import Judge, Secrets, recompute
from conformance.dossier.seal import MANIFEST, SIGNATURE, Signature, clean_fingerprint, own_fingerprint
from conformance.dossier.snapshot import Catalogue, take_catalogue
from conformance.dossier.verification import Problem, Verification
from conformance.dossier.write import CATALOGUE, HISTORY, RESULT, Manifest, render_views
from conformance.model import Check
from conformance.plan import suite_hash as installed_suite_hash
from conformance.result import RunResult, RunStatus
from conformance.strict_json import StrictJsonError, from_plain, parse_json, pretty, to_plain
from protocols.record import GENESIS, HistoryError, Record, read_history
from protocols.wire.base import Label

__all__ = ["Problem", "Verification", "verify_dossier"]


def verify_dossier(
    path: Path,
    *,
    pinned: str | None = None,
    suite_hash: str | None = None,
    checks: Sequence[Check] | None = None,
    judge: Judge | None = None,
    secrets: Secrets | None = None,
    catalogue: Catalogue | None = None,
    mutants: MutantBench | None = None,
) -> Verification:
    """Check the dossier in *path*. Never raises on what the dossier holds.

    *pinned* is the fingerprint that the signing key must have; *secrets* are PIXIT values by slot that no dossier holds.
    *suite_hash*, *checks*, *judge*, *catalogue* and *mutants* default to what is installed here. Raises ValueError only
    for a *pinned* that is no fingerprint.
    """
    wanted = None if pinned is None else clean_fingerprint(pinned)
    found = Verification(str(path))
    if not path.is_dir():
        remedy = Label("给出档案所在目录", "give the folder that holds the dossier")
        found.problem(str(path), "", "不是档案目录", "not a dossier folder", remedy)
        return found
    manifest = _check_seal(path, found, wanted)
    if manifest is None:
        return found
    found.run_id, found.status, found.overall = manifest.run_id, manifest.status, manifest.overall
    if manifest.early:
        _check_early(path, found)
        return found
    _check_files(path, manifest, found)
    as_signed = found.ok
    records = _check_history(path, manifest, found)
    result, stored = _read_sources(path, found)
    if records is None or result is None:
        return found
    _check_agreement(manifest, result, found)
    same_suite = _check_suite(result, installed_suite_hash() if suite_hash is None else suite_hash, found)
    found.recomputed = recompute(
        result, records, found, checks=checks, judge=judge, same_suite=same_suite, secrets=secrets
    )
    if same_suite:
        _check_catalogue(stored, take_catalogue() if catalogue is None else catalogue, found)
    check_kill_matrix(result, mutants, found, same_suite)
    if as_signed and stored is not None:
        # Files that are not even the signed ones are reported above; making them again would only repeat it.
        _check_views(path, result, records, stored, found, same_suite)
    return found


def _check_seal(path: Path, found: Verification, wanted: str | None) -> Manifest | None:
    raw = _read(path, MANIFEST, found)
    sealed = _read(path, SIGNATURE, found)
    if sealed is not None:
        _check_signature(sealed, raw, found, wanted)
    if raw is None:
        return None
    try:
        return Manifest.parse(raw)
    except StrictJsonError as error:
        zh, en = f"清单无法采信：{error.why}", f"the manifest cannot be trusted: {error.why}"
        found.problem(MANIFEST, error.where, zh, en)
        return None


def _check_signature(sealed: bytes, manifest: bytes | None, found: Verification, wanted: str | None) -> None:
    try:
        signature = from_plain(Signature, parse_json(sealed.decode()))
        if pretty(to_plain(signature)).encode() != sealed:
            raise StrictJsonError("", "not in canonical form: the file was edited")
    except (StrictJsonError, UnicodeDecodeError) as error:
        found.problem(SIGNATURE, "", f"签名文件无法读取：{error}", f"the signature cannot be read: {error}")
        return
    found.fingerprint = signature.fingerprint
    if manifest is None:
        return
    if not signature.holds(manifest):
        found.problem(SIGNATURE, "", "签名与清单不符", "the signature does not fit the manifest")
    elif wanted is None and signature.fingerprint == own_fingerprint():
        found.own = True
    elif wanted is None:
        found.note(
            f"签名密钥指纹 {signature.fingerprint}：请与签发方另行提供的指纹核对",
            f"signing key fingerprint {signature.fingerprint}: compare it with what the issuer gave another way",
        )
    elif wanted != signature.fingerprint:
        found.problem(
            SIGNATURE,
            "fingerprint",
            f"签名密钥不是指定的密钥：应为 {wanted}，实为 {signature.fingerprint}",
            f"signed by another key: {wanted} expected, {signature.fingerprint} found",
        )
    else:
        found.pinned = True


def _check_early(path: Path, found: Verification) -> None:
    """A run that never came to its end: say how much of its history can be read."""
    remedy = Label("重新运行", "run again")
    found.problem(MANIFEST, "early", "运行没有完成，没有结论", "the run did not finish: there is no verdict", remedy)
    history = path / HISTORY
    if not history.exists():
        found.note("运行在写入第一条记录之前就结束了", "the run ended before its first record")
        return
    try:
        found.records = len(read_history(history))
        found.note(f"历史可读，{found.records} 条记录", f"the history is readable: {found.records} records")
    except HistoryError as error:
        found.records = error.line - 1
        found.note(
            f"历史在第 {error.line} 行中断，此前 {error.line - 1} 条记录可读",
            f"the history breaks off in line {error.line}; the {error.line - 1} records before it are readable",
        )
    except (OSError, ValueError) as error:
        found.note(f"历史不可读：{error}", f"the history cannot be read: {error}")


def _check_files(path: Path, manifest: Manifest, found: Verification) -> None:
    listed = {each.path: each for each in manifest.files}
    if len(listed) != len(manifest.files):
        found.problem(MANIFEST, "files", "清单中有重复的文件", "a file is listed twice")
    there: set[str] = set()
    for each in sorted(path.rglob("*")):
        name = each.relative_to(path).as_posix()
        if each.is_dir() and not each.is_symlink():
            if not any(known.startswith(name + "/") for known in listed):
                found.problem(name, "", "多出的目录", "a folder that the manifest does not list")
            continue
        there.add(name)
        if each.is_symlink() or not each.is_file():
            found.problem(name, "", "不是普通文件", "not a regular file")
        elif name not in listed and name not in (MANIFEST, SIGNATURE):
            found.problem(name, "", "多出的文件，清单中没有", "a file that the manifest does not list")
    for name, entry in listed.items():
        if name not in there:
            found.problem(name, "", "文件缺失", "the file is missing")
            continue
        raw = _read(path, name, found)
        if raw is None:
            continue
        found.files += 1
        if len(raw) != entry.size:
            zh, en = f"应为 {entry.size} 字节，实为 {len(raw)}", f"{entry.size} bytes listed, {len(raw)} found"
            found.problem(name, "", zh, en)
        if hashlib.sha256(raw).hexdigest() != entry.sha256:
            found.problem(name, "", "内容被改动（SHA-256 不符）", "the content was changed (SHA-256 differs)")


def _check_history(path: Path, manifest: Manifest, found: Verification) -> list[Record] | None:
    raw = _read(path, HISTORY, found, quiet=True)
    if raw is None:
        return None
    try:
        records = read_history(path / HISTORY)
    except HistoryError as error:
        found.problem(HISTORY, str(error.line), f"历史链断裂：{error.why}", f"the history is broken: {error.why}")
        return None
    except (OSError, ValueError, RecursionError) as error:
        found.problem(HISTORY, "", f"历史不可读：{error}", f"the history cannot be read: {error}")
        return None
    if "".join(each.line() + "\n" for each in records).encode() != raw:
        found.problem(HISTORY, "", "历史不是规范形式", "the history is not in canonical form")
    for record in records:
        if not isinstance(record.note, dict) or not isinstance(record.t, int | float):
            found.problem(HISTORY, str(record.seq + 1), "记录的类型不对", "a record has fields of wrong types")
            return None
    found.records = len(records)
    head = records[-1].digest() if records else GENESIS
    if (head, len(records)) != (manifest.history.head, manifest.history.records):
        found.problem(HISTORY, "", "历史的结尾与清单不符", "the end of the history is not the one in the manifest")
    return records


def _read_sources(path: Path, found: Verification) -> tuple[RunResult | None, Catalogue | None]:
    result = _parsed(path, RESULT, RunResult.from_json, found)
    return result, _parsed(path, CATALOGUE, Catalogue.from_json, found)


def _parsed(path: Path, name: str, build: Callable[[Any], Any], found: Verification) -> Any:
    raw = _read(path, name, found, quiet=True)
    if raw is None:
        return None
    try:
        value = build(parse_json(raw.decode()))
        if pretty(value.to_json()).encode() != raw:
            raise StrictJsonError("", "not in canonical form: the file was edited")
    except StrictJsonError as error:
        found.problem(name, error.where, f"内容不符合格式：{error.why}", f"does not fit its format: {error.why}")
        return None
    except ValueError as error:
        found.problem(name, "", f"不可读：{error}", f"cannot be read: {error}")
        return None
    return value


def _check_agreement(manifest: Manifest, result: RunResult, found: Verification) -> None:
    for name, listed, stated in (
        ("run_id", manifest.run_id, result.run_id),
        ("status", manifest.status, result.status),
        ("overall", manifest.overall, result.overall),
        ("suite_hash", manifest.suite_hash, result.suite_hash),
        ("tool_version", manifest.tool_version, result.tool_version),
    ):
        if listed != stated:
            zh, en = f"清单写 {listed}，结果为 {stated}", f"the manifest says {listed}, the result {stated}"
            found.problem(MANIFEST, name, zh, en)
    if result.status is not RunStatus.COMPLETE:
        remedy = Label("重新运行", "run again")
        found.problem(RESULT, "status", "运行没有完成", f"the run is {result.status.value}", remedy)


def _check_catalogue(stored: Catalogue | None, installed: Catalogue, found: Verification) -> None:
    """The texts of checks and clauses are the suite's: with the same suite they are known word for word."""
    if stored is not None and stored.to_json() != installed.to_json():
        zh, en = "与同一套件的检查项和条款文字不同", "differs from the checks and clauses of this very suite"
        found.problem(CATALOGUE, "", zh, en)


def _check_suite(result: RunResult, here: str, found: Verification) -> bool:
    same = here == result.suite_hash
    if not same:
        remedy = Label(
            f"用工具版本 {result.tool_version}（套件 {result.suite_hash}）核对",
            f"verify with tool version {result.tool_version}, suite {result.suite_hash}",
        )
        zh = "套件不同：报告等视图无法重新生成比较，结论只能供参考"
        en = "another suite: report and other views cannot be made again and compared; what follows only informs"
        found.problem(RESULT, "suite_hash", zh, en, remedy)
        found.note(
            f"本机套件 {here} 与档案所用套件 {result.suite_hash} 不同：结论按本机套件重算",
            f"the suite here, {here}, is not the dossier's, {result.suite_hash}: verdicts are recomputed with this one",
        )
    return same


def _check_views(
    path: Path,
    result: RunResult,
    records: Sequence[Record],
    catalogue: Catalogue,
    found: Verification,
    same_suite: bool,
) -> None:
    """Make every derived file again and compare the bytes; that another suite words them otherwise is only noted."""
    try:
        views = render_views(result, records, catalogue, found.fingerprint)
    except Exception as error:  # a forged history may break a renderer; the verifier must still report
        what = f"{type(error).__name__}: {error}"
        found.problem("report.html", "", f"无法重新生成：{what}", f"cannot be made again: {what}")
        return
    for name, made in views.items():
        raw = _read(path, name, found, quiet=True)
        if raw is not None and raw != made:
            at = next((i for i, (a, b) in enumerate(zip(raw, made, strict=False)) if a != b), min(len(raw), len(made)))
            zh = "与由结果和历史重新生成的内容不一致"
            en = "differs from what result and history give"
            remedy = Label("用签发时的同一版本核对", f"verify with version {result.tool_version} of this tool")
            if same_suite:
                found.problem(name, f"byte {at}", zh, en, remedy)
            else:
                found.note(f"{name} {zh}（套件不同）：{remedy.zh}", f"{name} {en} (another suite): {remedy.en}")
    extra = {each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file()}
    for name in sorted(extra - views.keys() - {HISTORY, RESULT, CATALOGUE, MANIFEST, SIGNATURE}):
        found.problem(name, "", "不属于档案的文件", "a file that does not belong in a dossier")


def _read(path: Path, name: str, found: Verification, quiet: bool = False) -> bytes | None:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        if not quiet:
            found.problem(name, "", f"无法读取：{error.strerror}", f"cannot be read: {error.strerror}")
        return None
