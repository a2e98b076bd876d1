"""Places and their files: what a source offers, and its bytes as stored, from a folder or from S3.

The only module that imports boto3. Credentials come from the environment, the files and the roles that boto3
knows, and from nowhere else. What is wrong with one file is an OSError or a SourceError, what is wrong with a
whole place a StorageError.
"""

import errno
import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto_errors

from pipeline.errors import SourceError, StorageError
from pipeline.folders import list_folder
from pipeline.keys import Wanted, is_remote, parse, refusal
from pipeline.s3_errors import refused
from pipeline.stored import Ignored, Listing, Remote, StoredFile, printable

MAX_ATTEMPTS = 8
"""Requests are repeated so often, unless AWS_MAX_ATTEMPTS or the AWS configuration says otherwise."""

_BLOCK_BYTES = 1 << 20
_DROPS = 6
"""A connection may break so often in a row without a byte in between."""
_DROPPED = (
    boto_errors.ReadTimeoutError,
    boto_errors.ResponseStreamingError,
    boto_errors.IncompleteReadError,
)
_FOUND_NONE = (
    boto_errors.NoCredentialsError,
    boto_errors.PartialCredentialsError,
    boto_errors.CredentialRetrievalError,
    boto_errors.TokenRetrievalError,
    boto_errors.SSOError,
)
_OF_ONE_OBJECT = {
    "NoSuchKey": (errno.ENOENT, "it was deleted after it was listed"),
    "404": (errno.ENOENT, "it was deleted after it was listed"),
    "AccessDenied": (errno.EACCES, "access is denied; these credentials need s3:GetObject"),
    "403": (errno.EACCES, "access is denied; these credentials need s3:GetObject"),
    "InvalidObjectState": (errno.EACCES, "it is archived; restore it first"),
}


def list_files(root: Path, uri: str, endpoint_url: str | None = None) -> Listing:
    """Return the files of a source: a file, a folder with all below it, or a glob with `**`; here or on S3.

    Hidden names and those that leave the folder are passed over, visibly. A uri that matches nothing gives
    an empty listing.

    Raises:
        StorageError: S3 does not let itself be listed.
    """
    return _list_objects(parse(uri), endpoint_url) if is_remote(uri) else list_folder(root, uri)


def open_stored(file: StoredFile | Path, start: int = 0) -> io.BufferedReader:
    """Open a file's stored bytes for reading, from an offset on, in any process; the caller closes it.

    Of an object the very state is read that was listed; a connection that drops is taken up where it broke.

    Raises:
        OSError: the file cannot be read.
        SourceError: the object is no longer the one that was listed (`changed_while_read`).
        StorageError: its place cannot be read.
    """
    remote = None if isinstance(file, Path) else file.remote
    path = file if isinstance(file, Path) else file.path
    if path is not None and (remote is None or path.exists()):
        opened = path.open("rb")
        opened.seek(start)
        return opened
    if isinstance(file, Path) or remote is None:
        raise FileNotFoundError(errno.ENOENT, "it lies nowhere")
    return io.BufferedReader(_ObjectStream(file, remote, start), _BLOCK_BYTES)


def hash_file(file: StoredFile | Path) -> str:
    """Return the SHA-256 of a file's bytes as stored, in hex."""
    with open_stored(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def signature(file: StoredFile) -> str:
    """Return what changes when a file is written again: of a local one its size, time and inode.

    Of an object it is "" as long as nothing but the listed state is read: always where it has an ETag or a
    copy; where it has neither, as long as size and time are those that were listed.
    """
    try:
        if file.remote is None and file.path is not None:
            facts = file.path.stat()
            return f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ino}"
        is_held = (file.remote and file.remote.etag) or (file.path and file.path.exists())
        now = file if is_held else look_again(file)
    except OSError:
        return "gone"
    is_same = (now.size_bytes, now.modified_at) == (file.size_bytes, file.modified_at)
    return "" if is_same else "changed"


def look_again(file: StoredFile) -> StoredFile:
    """Return an object as it is now."""
    remote = file.remote
    if remote is None:
        return file
    with asking(file.uri, remote.endpoint_url, "s3:GetObject", of_one=True):
        now = client(remote.endpoint_url).head_object(Bucket=remote.bucket, Key=remote.key)
    fresh = replace(remote, etag=now.get("ETag"))
    return replace(
        file, size_bytes=now["ContentLength"], modified_at=_instant(now["LastModified"]), remote=fresh
    )


def write_object(uri: str, body: bytes, content_type: str, endpoint_url: str | None = None) -> None:
    """Put an object in place of what its key held; a reader sees the old one or the new one.

    Raises:
        StorageError: S3 does not take it.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with asking(uri, endpoint_url, "s3:PutObject"):
        client(endpoint_url).put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, CacheControl="no-cache"
        )


def client(endpoint_url: str | None) -> Any:
    """Return this process's client of a server; without a url, of the one that the environment names."""
    return _client(endpoint_url, os.getpid())  # connections do not survive a fork


@cache
def _client(endpoint_url: str | None, _process: int) -> Any:
    import boto3  # noqa: PLC0415  (a fifth of a second that local files need not wait for)
    from botocore.config import Config  # noqa: PLC0415
    from botocore.session import get_session  # noqa: PLC0415

    core = get_session()
    mode = core.get_config_variable("retry_mode")
    config = Config(
        retries={
            "mode": mode if mode == "adaptive" else "standard",
            "total_max_attempts": core.get_config_variable("max_attempts") or MAX_ATTEMPTS,
        },
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
        request_checksum_calculation="when_required",  # other servers than AWS refuse its trailing checksums
    )
    try:
        return boto3.Session(botocore_session=core).client("s3", endpoint_url=endpoint_url, config=config)
    except ValueError as error:  # what it makes of a url that is none
        raise boto_errors.EndpointConnectionError(endpoint_url=endpoint_url) from error


def _list_objects(wanted: Wanted, endpoint_url: str | None) -> Listing:
    listing = Listing([], [])
    for item in _objects(wanted, endpoint_url):
        key, size = item["Key"], item["Size"]
        name = f"s3://{wanted.bucket}/{printable(key)}"
        if key.endswith("/") and not size:
            continue  # what a console makes so that an empty folder can be seen
        if why := refusal(key, wanted.folder if key != wanted.single else key.rpartition("/")[0], size):
            listing.ignored.append(Ignored(name, why))
        else:
            remote = Remote(wanted.bucket, key, item.get("ETag"), endpoint_url)
            listing.files.append(StoredFile(None, name, size, _instant(item["LastModified"]), remote))
    listing.files.sort(key=lambda file: file.uri)
    listing.ignored.sort()
    return listing


def _objects(wanted: Wanted, endpoint_url: str | None) -> Iterator[dict[str, Any]]:
    where = f"s3://{wanted.bucket}/{printable(wanted.prefix)}"
    with asking(where, endpoint_url, "s3:ListBucket"):
        server = client(endpoint_url)
        if wanted.single:  # of all keys that start with it, it is the first
            first = server.list_objects_v2(Bucket=wanted.bucket, Prefix=wanted.single, MaxKeys=1)
            yield from (item for item in first.get("Contents", ()) if item["Key"] == wanted.single)
        pages = server.get_paginator("list_objects_v2").paginate(Bucket=wanted.bucket, Prefix=wanted.prefix)
        for page in pages:
            yield from (item for item in page.get("Contents", ()) if wanted.fits(item["Key"]))


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


class _ObjectStream(io.RawIOBase):
    """The bytes of one state of an object, over as many connections as it takes."""

    def __init__(self, file: StoredFile, remote: Remote, start: int) -> None:
        self._file = file
        self._remote = remote
        self._position = start
        self._body: Any = None

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end."""
        if self._position >= self._file.size_bytes:
            self._verify()
            return 0
        for drop in range(_DROPS):
            try:
                data = self._connected().read(min(len(buffer), _BLOCK_BYTES >> drop))
            except _DROPPED:
                self._hang_up()
                time.sleep(min(0.1 * 3**drop, 5))
                continue
            buffer[: len(data)] = data
            self._position += len(data)
            return len(data)
        raise _refused("Dropped", self._file.uri, self._remote.endpoint_url, "s3:GetObject")

    def _verify(self) -> None:
        """Read past the end, where boto3 compares the checksum that a store keeps."""
        try:
            if self._body is not None:
                self._body.read(1)
        except boto_errors.FlexibleChecksumError:
            raise OSError(errno.EIO, "its bytes do not have the checksum that the store keeps") from None

    def close(self) -> None:
        """Let go of the connection."""
        self._hang_up()
        super().close()

    def _connected(self) -> Any:
        if self._body is None:
            same = {"IfMatch": self._remote.etag} if self._remote.etag else {}
            part = {"Range": f"bytes={self._position}-"} if self._position else {}
            with asking(self._file.uri, self._remote.endpoint_url, "s3:GetObject", of_one=True):
                answer = client(self._remote.endpoint_url).get_object(
                    Bucket=self._remote.bucket, Key=self._remote.key, **same, **part
                )
            self._body = answer["Body"]
        return self._body

    def _hang_up(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@contextmanager
def asking(where: str, endpoint_url: str | None, right: str, of_one: bool = False) -> Iterator[None]:
    """Turn what boto3 raises into what people can use; `of_one`: the request is about one listed object."""
    try:
        yield
    except boto_errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        if of_one and code in {"PreconditionFailed", "412", "InvalidRange", "416"}:
            changed = "The object changed after it was listed."
            raise SourceError("changed_while_read", changed, "Land again.") from None
        if of_one and code in _OF_ONE_OBJECT:
            raise OSError(*_OF_ONE_OBJECT[code]) from None
        attempts = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        raise _refused(code, where, endpoint_url, right, attempts) from None
    except _FOUND_NONE:
        raise _refused("NoCredentials", where, endpoint_url, right) from None
    except (boto_errors.ProfileNotFound, boto_errors.ConfigParseError, boto_errors.ConfigNotFound):
        raise _refused("Profile", where, endpoint_url, right) from None
    except boto_errors.SSLError:
        raise _refused("Certificate", where, endpoint_url, right) from None
    except boto_errors.BotoCoreError:
        raise _refused("Unreachable", where, endpoint_url, right) from None


def _refused(code: str, where: str, endpoint_url: str | None, right: str, attempts: int = 1) -> StorageError:
    named = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    host = urlsplit(named or "").netloc.rpartition("@")[2]
    return refused(code, where, host or "Amazon S3", right, attempts)
