"""A server that looks at credentials: what people are told, and that no key stands in it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from pipeline.errors import StorageError
from pipeline.intake.handover import open_handover
from pipeline.storage import list_files, open_stored, write_object

pytestmark = pytest.mark.system

HERE = Path()
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "*"}],
}
"""Listing is allowed, and nothing else."""


class User(NamedTuple):
    """Somebody who may list, and the server that knows them."""

    url: str
    key: str
    secret: str


@pytest.fixture(scope="module")
def user(serving) -> Iterator[User]:
    first = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    with serving(INITIAL_NO_AUTH_ACTION_COUNT="5") as url:  # the five that follow
        iam, s3 = (boto3.client(name, endpoint_url=url, **first) for name in ("iam", "s3"))
        iam.create_user(UserName="lister")
        iam.put_user_policy(UserName="lister", PolicyName="list", PolicyDocument=json.dumps(POLICY))
        made = iam.create_access_key(UserName="lister")["AccessKey"]
        s3.create_bucket(Bucket="closed")
        s3.put_object(Bucket="closed", Key="in/a", Body=b"x")
        yield User(url, made["AccessKeyId"], made["SecretAccessKey"])


CASES = {
    "unknown key": (("nobody", "nothing-to-see"), "the access key is not known there"),
    "wrong secret": ((None, "nothing-to-see"), "the secret key does not belong to the access key"),
}


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, user: User, before) -> Iterator[Callable[[str, str], str]]:
    """Take keys; return an address of the server for which no client was made with others."""
    with before(user.url) as proxy:

        def take(key: str, secret: str) -> str:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
            return str(proxy.url)

        yield take


@pytest.mark.parametrize("case", CASES)
def test_wrong_keys_are_told_apart_and_not_repeated(user: User, use, case: str) -> None:
    (key, secret), words = CASES[case]
    with pytest.raises(StorageError, match=words) as told:
        list_files(HERE, "s3://closed/in", use(key or user.key, secret))
    assert "AWS_SECRET_ACCESS_KEY" in told.value.advice
    assert not any(word in str(told.value) for word in (user.key, user.secret, secret))


def test_what_a_user_may_not_do_is_named_with_the_right_that_it_takes(user: User, use) -> None:
    url = use(user.key, user.secret)
    [file] = list_files(HERE, "s3://closed/in", url).files
    with pytest.raises(PermissionError, match="s3:GetObject"), open_stored(file) as stored:
        stored.read()
    with pytest.raises(StorageError, match=r"access is denied.*s3:PutObject") as told:
        write_object("s3://closed/out", b"x", "text/plain", url)
    assert "s3://closed/out" in told.value.reason


def test_parts_that_may_not_be_written_are_told_with_the_right_that_it_takes(user: User, use) -> None:
    url = use(user.key, user.secret)
    with (
        pytest.raises(StorageError, match=r"The parts of the landing.*access is denied.*s3:PutObject"),
        open_handover("s3://closed/parts", url),
    ):
        pass
