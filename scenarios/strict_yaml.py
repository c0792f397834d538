"""Strict YAML: unknown and duplicate keys are errors, and every error names file, line and remedy."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

__all__ = ["FileError", "load_model", "parse_model"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 24

M = TypeVar("M", bound=BaseModel)
Lines = dict[tuple[str | int, ...], int]


class FileError(Exception):
    """A file that people write is wrong. ``problems`` are ``(line, what is wrong and what to do)``."""

    def __init__(self, path: str, problems: list[tuple[int, str]]) -> None:
        self.path, self.problems = path, problems
        super().__init__("\n".join(f"{path}:{line}: {what}" for line, what in problems))


def load_model(path: Path, model: type[M]) -> M:
    """Read *path* and validate it. Raises :class:`FileError`."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FileError(str(path), [(1, f"{size} bytes; at most {MAX_BYTES} are read")])
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FileError(str(path), [(1, "文件不存在，请检查路径 / no such file: check the path")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(str(path), [(1, f"无法读取 / cannot be read as UTF-8 text: {error}")]) from error
    return parse_model(text, model, str(path))


def parse_model(text: str, model: type[M], where: str = "<text>") -> M:
    """Validate YAML *text*. Raises :class:`FileError`, with every problem that pydantic found and its line."""
    data, lines = _plain(text, where)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise FileError(where, [_problem(each, lines, data, model) for each in error.errors()]) from error


def _plain(text: str, where: str) -> tuple[Any, Lines]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileError(where, [(line, f"YAML 语法错误 / not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise FileError(where, [(1, f"YAML 语法错误 / not YAML: {error}")]) from error
    if node is None:
        raise FileError(where, [(1, "文件为空 / the file is empty")])
    lines: Lines = {}
    return _value(node, (), lines, where), lines


def _value(node: yaml.Node, at: tuple[str | int, ...], lines: Lines, where: str) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(at, line)
    if len(at) > MAX_DEPTH:
        raise FileError(where, [(line, f"嵌套过深 / nested deeper than {MAX_DEPTH}")])
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*at, n), lines, where) for n, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(key_node, where)
            if key in result:
                line = key_node.start_mark.line + 1
                raise FileError(where, [(line, f"键重复 / duplicate key {key!r}: keep one of them")])
            lines[(*at, key)] = key_node.start_mark.line + 1
            result[key] = _value(value_node, (*at, key), lines, where)
        return result
    return _scalar(node, where)


def _scalar(node: yaml.Node, where: str) -> Any:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode):
        raise FileError(where, [(line, "键必须是标量 / a key must be a plain word")])
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType]  # PyYAML has no types here
    except (yaml.YAMLError, ValueError) as error:
        raise FileError(where, [(line, f"值无法识别 / value not understood: {node.value!r}")]) from error


def _problem(error: Any, lines: Lines, data: Any, model: type[BaseModel]) -> tuple[int, str]:
    at: tuple[str | int, ...] = tuple(error["loc"])
    line = next((lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in lines), 1)
    name = ".".join(str(each) for each in at) or "(file)"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(at[-1]), _known_keys(model), 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; remove it, or see scenarios/schema/"
        return line, f"未知的键 / unknown key {name!r}{hint}"
    if error["type"] == "missing":
        return line, f"缺少 / missing {name!r}: add it"
    return line, f"{name}: {error['msg']} (got {error.get('input')!r:.80})"


def _known_keys(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    keys = set(schema.get("properties", {}))
    for each in schema.get("$defs", {}).values():
        keys |= set(each.get("properties", {}))
    return sorted(keys)
