"""What all sections of the configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)
