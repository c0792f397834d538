"""The flat XML of WeChat Pay v2: one ``xml`` element whose children are fields. No DTD, no entity, no nesting, no repeats.

Source: spec/services.md 4 (v2); the limit is this project's: no message of v2 has 4 KiB.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any, cast

from defusedxml import ElementTree

from protocols.wire.base import WireError

__all__ = ["XML_TYPE", "read_xml", "write_xml"]

XML_TYPE = "text/xml; charset=utf-8"
MOST_BYTES = 64 * 1024
MOST_FIELDS = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry, not even escaped."""


def read_xml(body: bytes) -> dict[str, str]:
    """The fields of *body*. Raises :class:`WireError` that says what is wrong, never what stood there."""
    if len(body) > MOST_BYTES:
        raise WireError(f"no message has more than {MOST_BYTES} bytes")
    try:
        root = cast("Any", ElementTree.fromstring(body, forbid_dtd=True))  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, SyntaxError, LookupError) as error:
        # DTDs, entities, bytes of another encoding, an encoding that nobody knows, a tag that is not closed.
        raise WireError(f"no XML of this interface ({type(error).__name__})") from None
    if root.tag != "xml":
        raise WireError("the root element is not xml")
    found: dict[str, str] = {}
    for child in root:
        name = str(child.tag)
        if not _NAME.fullmatch(name):
            raise WireError("a field name has other characters than letters, digits and underscores")
        if len(child):
            raise WireError("a field holds something else than text")
        if name in found:
            raise WireError("a field occurs twice: send every one once")
        found[name] = child.text or ""
    if len(found) > MOST_FIELDS:
        raise WireError(f"no message has more than {MOST_FIELDS} fields")
    return found


def write_xml(fields: Mapping[str, str]) -> bytes:
    """*fields* in their order, in UTF-8. Raises :class:`WireError` for a character that XML cannot carry."""
    parts: list[str] = []
    for name, value in fields.items():
        if not _NAME.fullmatch(name):
            raise WireError("a field name has other characters than letters, digits and underscores")
        if _NO_XML.search(value):
            raise WireError(f"{name}: XML cannot carry a control character")
        # A bare carriage return would be read back as a line feed, and the signature would not match.
        parts.append(f"<{name}>{escape(value, quote=False).replace(chr(13), '&#13;')}</{name}>")
    return f"<xml>{''.join(parts)}</xml>".encode()
