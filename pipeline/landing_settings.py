"""`[landing]` of the configuration: who reads the files."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Landing(BaseModel):
    """Where and by how many workers files are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    executor: Literal["threads", "processes", "dask"] = "threads"
    workers: int | None = Field(default=None, ge=1, le=1024)
    """How many at once; as many as there are cores when left out. A cluster has its own number."""
    scheduler: str | None = None
    """Address of the Dask scheduler, for example tcp://10.0.0.5:8786."""
    parts: str | None = None
    """Folder for what workers hand over, which a cluster shares; else beside the warehouse."""

    @model_validator(mode="after")
    def _a_cluster_has_an_address(self) -> "Landing":
        if self.executor == "dask" and not self.scheduler:
            raise ValueError(
                'executor = "dask" needs the address of a scheduler: scheduler = "tcp://HOST:8786"'
            )
        return self
