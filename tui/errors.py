"""Errors of the services, as what went wrong, where, and what to do. Anything not known here is a defect of ours."""

from __future__ import annotations

from protocols.link.base import LinkError
from protocols.record import HistoryError
from tui.console import Console, UserError

__all__ = ["describe"]

Problem = dict[str, str]

OURS = ("protocols", "simulators", "scenarios", "conformance", "reference_impl", "tui")


def describe(error: BaseException, console: Console) -> list[Problem] | None:
    """The problems that *error* speaks of, in the console's language; None for an error nobody foresaw."""
    if isinstance(error, UserError):
        return [_problem(error.where, console.of(error.what), console.of(error.remedy))]
    if isinstance(error, HistoryError):
        remedy = console.text("向签发方索取原始档案", "ask the issuer for the original dossier")
        return [_problem(f"{error.where}:{error.line}", error.why, remedy)]
    if isinstance(error, LinkError):
        return [_problem("", str(error))]
    if isinstance(error, FileExistsError):
        remedy = console.text("换一个路径，或先移走它", "name another path, or move it away first")
        return [_problem(str(error.filename or ""), console.text("已存在", "exists already"), remedy)]
    if isinstance(error, OSError) and error.filename:
        remedy = console.text("检查路径与权限", "check the path and your rights to it")
        return [_problem(str(error.filename), error.strerror or str(error), remedy)]
    if isinstance(error, ImportError):
        if (error.name or "").partition(".")[0] in OURS:
            return None
        remedy = console.text("执行 make setup 安装依赖", "run make setup to install what is needed")
        what = console.text(f"缺少 Python 模块 {error.name}", f"the Python module {error.name} is missing")
        return [_problem("", what, remedy)]
    return _of_services(error, console)


def _of_services(error: BaseException, console: Console) -> list[Problem] | None:
    # Late: a plain mistake in the arguments must not wait for every package to load.
    from scenarios.service import BenchError, FileError, HandError

    if isinstance(error, FileError):
        return [_problem(f"{error.path}:{line}", what) for line, what in error.problems]
    if isinstance(error, (BenchError, HandError)):
        return [_problem("", str(error))]
    from conformance.service import DossierError, PlanError

    if isinstance(error, PlanError):
        return [_problem("", each) for each in error.problems]
    if isinstance(error, DossierError):
        return [_problem(error.where, console.of(error.what), console.of(error.remedy))]
    return None


def _problem(where: str, what: str, remedy: str = "") -> Problem:
    return {"where": where, "what": what, "remedy": remedy}
