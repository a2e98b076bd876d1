"""The server that speaks S3, its keys and its buckets, as tests/s3 has them."""

from tests.s3.conftest import _credentials, bucket, s3, server

__all__ = ["_credentials", "bucket", "s3", "server"]
