"""The base of every config model."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings: unknown keys, NaN and infinity are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
