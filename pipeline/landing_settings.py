"""`[landing]` of the configuration: who reads the files."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.keys import is_remote, parse
from pipeline.sections import Section


class Landing(Section):
    """Where and by how many workers files are read."""

    executor: Literal["threads", "processes", "dask"] = "threads"
    workers: int | None = Field(default=None, ge=1, le=1024)
    """How many at once; as many as there are cores when left out. A cluster has its own number."""
    scheduler: str | None = None
    """Address of the Dask scheduler, for example tcp://10.0.0.5:8786."""
    parts: str | None = None
    """Folder, here or s3://bucket/prefix, for what workers hand over; else beside the warehouse."""

    @field_validator("parts")
    @classmethod
    def _is_a_folder(cls, value: str | None) -> str | None:
        is_path = value is None or "://" not in value
        if is_path or (is_remote(value or "") and parse(value or "").pattern == ("**", "*")):
            return value
        raise ValueError("write a folder, or an address on S3 without wild cards: s3://bucket/prefix")

    @model_validator(mode="after")
    def _a_cluster_has_an_address(self) -> "Landing":
        if self.executor == "dask" and not self.scheduler:
            raise ValueError(
                'executor = "dask" needs the address of a scheduler: scheduler = "tcp://HOST:8786"'
            )
        return self
