"""`[[sources]]`: where files of one kind lie."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.keys import is_remote, parse
from pipeline.sections import Section

Kind = Literal["traces", "usage", "cost", "invoice", "requests"]


class Source(Section):
    """Where files of one kind lie."""

    kind: Kind
    uri: str
    """A file, a folder or a glob, relative to the configuration's folder or on S3."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = ""
    """What messages call it; made of kind and uri when left out."""
    format: str | None = None
    """Name of a format; found from the content when left out."""
    provider: str | None = None
    """Slug of the provider, where the format does not tell."""
    account: str | None = None
    """Provider account that exports belong to; on traces, the account that all its calls are billed to."""
    pulled_at: datetime | None = None
    """When these exports were pulled; else the date in the file name, else the file's time."""

    @model_validator(mode="before")
    @classmethod
    def _has_a_name(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "name" in values:
            return values
        words = re.findall(r"[A-Za-z0-9]+", f"{values.get('kind', '')} {values.get('uri', '')}")
        return {**values, "name": "-".join(words) or "source"}

    @field_validator("uri")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        if is_remote(value):
            parse(value)
        elif "://" in value:
            raise ValueError("sources are local files, folders and globs, or s3://bucket/...; copy it there")
        return value
