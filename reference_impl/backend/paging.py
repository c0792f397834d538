"""Lists in pages: ``after`` is the ``next`` of the page before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MOST", "Page", "PageQuery", "ScopeQuery", "page_of"]

MOST = 500

T = TypeVar("T")


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, Field(max_length=64, description="`next` of the page before")] = ""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class ScopeQuery(PageQuery):
    """``institution``: only it and what is below it."""

    institution: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{0,32}$")] = ""


class Page(BaseModel, Generic[T]):
    """``next`` is empty on the last page."""

    items: list[T]
    next: str = ""


def page_of(items: Iterable[T], key: Callable[[T], str], query: PageQuery) -> tuple[list[T], str]:
    """The items of one page in order of *key*, and the ``next`` of it."""
    rest = sorted((each for each in items if key(each) > query.after), key=key)
    shown = rest[: query.limit]
    return shown, key(shown[-1]) if len(rest) > len(shown) else ""
