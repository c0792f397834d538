"""What every message between a terminal and the platform is made of: strict models and bounded fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from protocols.wire.money import MAX_FEN

__all__ = ["Fen", "Hex", "Id", "Message", "Sealed", "Short", "Text"]

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.:@/+-]+$")]
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Short = Annotated[str, Field(max_length=32, pattern=r"^[^\x00-\x1f\x7f]*$")]
Fen = Annotated[int, Field(ge=0, le=MAX_FEN)]
Hex = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]*$", max_length=4096)]
Sealed = Annotated[str, Field(max_length=8192, description="JWE compact, dir, A256GCM, under the session key")]


class Message(BaseModel):
    """Unknown fields are refused: a terminal of another version must notice. Nothing is converted: "5" is no number. A field
    that is a tuple says ``strict=False``, because JSON has lists only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
