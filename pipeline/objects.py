"""Objects of S3 that are ours for a while: fetched to a file, and deleted."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from pipeline.storage import asking, client, look_again, open_stored
from pipeline.stored import Remote, StoredFile

_BLOCK_BYTES = 1 << 20


def fetch_object(uri: str, to: Path, endpoint_url: str | None = None) -> None:
    """Write the bytes of an object to a file.

    Raises:
        OSError: there is no such object, or the file cannot be written.
        SourceError: the object changes meanwhile.
        StorageError: its place cannot be read.
    """
    unknown = datetime.fromtimestamp(0, UTC)
    file = look_again(StoredFile(None, uri, 0, unknown, Remote(*_place(uri), None, endpoint_url)))
    with open_stored(file) as stored, to.open("wb") as copy:
        shutil.copyfileobj(stored, copy, _BLOCK_BYTES)


def delete_object(uri: str, endpoint_url: str | None = None) -> None:
    """Delete an object; one that is not there is no error.

    Raises:
        StorageError: S3 does not allow it.
    """
    bucket, key = _place(uri)
    with asking(uri, endpoint_url, "s3:DeleteObject"):
        client(endpoint_url).delete_object(Bucket=bucket, Key=key)


def delete_below(prefix: str, endpoint_url: str | None = None) -> None:
    """Delete all objects whose keys start with a prefix, s3://bucket/folder/.

    Raises:
        StorageError: there is no such bucket, or S3 does not allow it.
    """
    bucket, start = _place(prefix)
    with asking(prefix, endpoint_url, "s3:ListBucket"):
        pages = client(endpoint_url).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    for key in keys:
        delete_object(f"s3://{bucket}/{key}", endpoint_url)


def _place(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
