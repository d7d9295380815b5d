"""What every part of a job has in common: frozen, closed to unknown keys, refusing with a hint."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Part(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False, validate_default=False)


def refuse(message: str, hint: str = "") -> PydanticCustomError:
    """Return the error by which a validator says what is wrong and what to do."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint})
