"""What a store of objects refused, in words for people: what, and what to do now.

The codes are those of the S3 API's list of error responses; servers that speak the protocol use the same.
Texts of servers are never repeated: they may hold keys.
"""

from pipeline.errors import StorageError

_RIGHTS = "Give these credentials {right} there, or use others, and run again."
_RENEW = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), AWS_PROFILE, or a role, "
    "and run again."
)
_LATER = "Nothing is lost: run again, later or at a quieter hour; what has landed is not read again."
_REGION = "Set AWS_DEFAULT_REGION to the region of the bucket, and run again."

_TOLD: dict[str, tuple[str, str]] = {
    "NoSuchBucket": ("there is no such bucket", "Correct the name in the configuration, and run again."),
    "InvalidBucketName": ("no bucket can have this name", "Correct the name in the configuration."),
    "AccessDenied": ("access is denied", _RIGHTS),
    "AllAccessDisabled": ("access is denied", _RIGHTS),
    "InvalidAccessKeyId": ("the access key is not known there", _RENEW),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", _RENEW),
    "InvalidToken": ("the session token is not valid", _RENEW),
    "ExpiredToken": ("the credentials have expired", _RENEW),
    "TokenRefreshRequired": ("the credentials have expired", _RENEW),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "Set the clock, and run again."),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "IllegalLocationConstraintException": ("the bucket is in another region", _REGION),
    "SlowDown": ("too many requests at once, in spite of {attempts} attempts", _LATER),
    "ServiceUnavailable": ("the server is not available, in spite of {attempts} attempts", _LATER),
    "InternalError": ("the server failed, in spite of {attempts} attempts", _LATER),
    "NoCredentials": ("there are no credentials", _RENEW),
    "Profile": ("the profile of AWS_PROFILE, or the files that it is read from, cannot be used", _RENEW),
    "Unreachable": (
        "the server cannot be reached",
        "Look at AWS_ENDPOINT_URL_S3, `endpoint_url` under [s3], the network and the proxy, and run again.",
    ),
    "Certificate": (
        "the certificate of the server is not trusted",
        "Set AWS_CA_BUNDLE to the file of your certificates, and run again.",
    ),
    "Dropped": ("the connection broke again and again", _LATER),
}
_SAME = {
    "403": "AccessDenied",
    "404": "NoSuchBucket",
    "301": "PermanentRedirect",
    "503": "SlowDown",
    "500": "InternalError",
    "502": "ServiceUnavailable",
    "504": "ServiceUnavailable",
    "429": "SlowDown",
    "TooManyRequests": "SlowDown",
    "TooManyRequestsException": "SlowDown",
    "Throttling": "SlowDown",
    "ThrottlingException": "SlowDown",
    "RequestLimitExceeded": "SlowDown",
    "ExpiredTokenException": "ExpiredToken",
    "InvalidClientTokenId": "InvalidAccessKeyId",
}
"""Codes that say the same; numbers stand where an answer has no body."""

_PASSING = {"SlowDown", "ServiceUnavailable", "InternalError", "Unreachable", "Dropped"}
"""What a server that is back, or has less to do, does not answer any more."""


def refused(code: str, where: str, server: str, right: str, attempts: int = 1) -> StorageError:
    """Return the error for what a server answered about a place.

    Args:
        code: the code of the S3 API, or one of ours: NoCredentials, Profile, Unreachable, Certificate,
            Dropped.
        where: the place, as s3://bucket/key.
        server: which server was asked, without keys.
        right: the permission that the request needed, as s3:ListBucket.
        attempts: how often it was asked.
    """
    same = _SAME.get(code, code)
    reason, advice = _TOLD.get(same, (f"the server refuses with {code}", "Put that right, and run again."))
    told = f"{where} at {server}: {reason.format(attempts=attempts)}."
    return StorageError(told, advice.format(right=right), may_pass=same in _PASSING)
