"""What tests of other areas have: the server that speaks S3 with its keys and buckets, and a made month."""

from tests.reports.conftest import make_month, render
from tests.s3.conftest import _credentials, bucket, proxy, s3, server

__all__ = ["_credentials", "bucket", "make_month", "proxy", "render", "s3", "server"]
