"""`[output]` and `[s3]`: where results go, and how S3 is reached."""

import re

from pydantic import field_validator

from pipeline.keys import is_remote, parse
from pipeline.sections import Section


class Output(Section):
    """Where results go, relative to the configuration's folder."""

    folder: str = "output"
    warehouse: str = "tallystick.duckdb"
    copy_to: str | None = None
    """Where on S3 a published month is copied to: s3://bucket/folder."""

    @field_validator("folder", "warehouse")
    @classmethod
    def _is_local(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("this is a local path; `copy_to` takes an s3:// address for the published month")
        return value

    @field_validator("copy_to")
    @classmethod
    def _is_a_folder_of_s3(cls, value: str | None) -> str | None:
        if value is not None and (not is_remote(value) or parse(value).pattern != ("**", "*")):
            raise ValueError("write an address on S3 without wild cards: s3://bucket/folder")
        return value


class S3(Section):
    """How S3 is reached; credentials and region are the environment's matter."""

    endpoint_url: str | None = None
    """Another server that speaks S3; without it AWS_ENDPOINT_URL_S3, else Amazon's."""

    @field_validator("endpoint_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", value):
            raise ValueError("write http:// or https://, the host and the port, and no credentials")
        return value
