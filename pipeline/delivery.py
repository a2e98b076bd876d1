"""Sends the mails of a month, each version to each recipient at most once, whatever is run again or killed.

Before the last bytes of a mail leave, `sending` is written to the journal and to disk; after the answer, how
it ended. Killed before the first, nothing was taken and the next run sends it. Killed between the two, nobody
can know: it is listed and not sent again unless somebody asks for that.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from email import policy
from email.utils import format_datetime, parseaddr
from typing import Any, NamedTuple

from pipeline.delivery_journal import Entry, Journal, Key
from pipeline.delivery_settings import Delivery, Ses
from pipeline.errors import ConfigError
from pipeline.mailings import Mailing
from pipeline.settings import Secrets, Settings
from pipeline.smtp import SmtpTransport
from pipeline.transport import NotTaken, Transport, Undecided, told

PAUSES = (1.0, 5.0, 25.0)
"""Seconds before each further try of a mail that was not taken."""
_TRANSIENT = {"ThrottlingException", "TooManyRequestsException", "Throttling", "LimitExceededException"}
_OF_ALL = {
    "AccessDeniedException", "AccountSuspendedException", "SendingPausedException", "NotFoundException",
    "MailFromDomainNotVerifiedException", "UnrecognizedClientException", "InvalidClientTokenId",
    "SignatureDoesNotMatch", "ExpiredTokenException",
}  # fmt: skip
"""Refusals that every other mail would meet as well."""


class Letter(NamedTuple):
    """One mail for one recipient."""

    mailing: Mailing
    to: str

    @property
    def key(self) -> Key:
        """What the journal calls it."""
        return Key(self.mailing.report, self.mailing.group, self.to.lower())


class Outcome(NamedTuple):
    """What became of a letter."""

    letter: Letter
    state: str
    """sent, before (sent by an earlier run), rejected, failed, undecided, or waiting (not tried)."""
    told: str


def standing(letter: Letter, last: Entry | None) -> Outcome:
    """Return what an earlier run left of a letter."""
    if last is None:
        return Outcome(letter, "waiting", "")
    if last.state == "sent":
        return Outcome(letter, "before", f"on {last.at:%Y-%m-%d %H:%M} UTC: {last.told}")
    if last.state == "sending":
        why = last.told or f"a run ended on {last.at:%Y-%m-%d %H:%M} UTC before the server's answer"
        return Outcome(
            letter, "undecided", f"{why}; its Message-ID is {letter.mailing.message['Message-ID']}"
        )
    return Outcome(letter, last.state, last.told)


def transport_of(settings: Settings) -> Transport:
    """Return the way that the configuration names.

    Raises:
        ConfigError: there is none, or it lacks its password.
    """
    told = settings.delivery
    if told.smtp:
        secret = Secrets().smtp_password
        return SmtpTransport(told.smtp, settings.root, secret.get_secret_value() if secret else None)
    if told.ses:
        return SesTransport(told.ses)
    raise ConfigError(
        "Nothing can be sent: [delivery] names neither [delivery.smtp] nor [delivery.ses]. Add one "
        "of them, or use --dry-run."
    )


class Post(NamedTuple):
    """With what letters are sent."""

    delivery: Delivery
    transport: Transport
    journal: Journal
    pause: Callable[[float], None] = time.sleep


def send_letters(letters: Sequence[Letter], post: Post, *, again: bool = False) -> Iterator[Outcome]:
    """Send what has not left yet and yield what became of each letter, in order.

    With `again` also what was rejected or is undecided; never what was sent.
    """
    stopped = ""
    for letter in letters:
        before = standing(letter, post.journal.last(letter.key))
        if before.state == "before" or (before.state in {"undecided", "rejected"} and not again):
            yield before
        elif stopped:
            yield Outcome(letter, "waiting", f"not tried, for no mail is taken: {stopped}")
        else:
            outcome, is_of_all = _send(letter, post)
            stopped = outcome.told if is_of_all else ""
            yield outcome


def _send(letter: Letter, post: Post) -> tuple[Outcome, bool]:
    """Return what became of a letter, and whether no other would be taken."""
    pauses = list(PAUSES)
    while True:
        try:
            return _try(letter, post), False
        except NotTaken as error:
            state = "rejected" if error.is_final and not error.is_of_all else "failed"
            post.journal.add(letter.key, state, error.reason)
            if error.is_final or not pauses:
                return Outcome(letter, state, error.reason), error.is_of_all
            post.pause(pauses.pop(0))


def _try(letter: Letter, post: Post) -> Outcome:
    message_id = str(letter.mailing.message["Message-ID"])

    def leaving() -> None:
        post.journal.add(letter.key, "sending", message_id=message_id)

    sender = parseaddr(str(post.delivery.sender))[1]
    data = addressed(letter, post.delivery, datetime.now(UTC))
    try:
        answer = post.transport.deliver(sender, letter.to, data, leaving)
    except Undecided as error:
        post.journal.add(letter.key, "sending", error.reason, message_id)
        return standing(letter, post.journal.last(letter.key))
    post.journal.add(letter.key, "sent", answer, message_id)
    return Outcome(letter, "sent", answer)


def addressed(letter: Letter, delivery: Delivery, at: datetime) -> bytes:
    """Return a published mail with its recipient, its sender as configured now, and the time of sending."""
    message = deepcopy(letter.mailing.message)
    for name in ("From", "Reply-To", "To", "Date"):
        del message[name]
    message["From"] = str(delivery.sender)
    message["To"] = letter.to
    if delivery.reply_to:
        message["Reply-To"] = delivery.reply_to
    message["Date"] = format_datetime(at)
    return message.as_bytes(policy=policy.SMTP)


class SesTransport:
    """Amazon SES, version 2 of its API, with mails as they are."""

    def __init__(self, ses: Ses) -> None:
        self._client = _ses_client(ses)
        self._name = ses.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_SESV2") or "Amazon SES"

    def deliver(self, sender: str, to: str, data: bytes, leaving: Callable[[], None]) -> str:
        """Give a mail to SES and return the id that SES gives it; see Transport."""
        from botocore import exceptions as boto  # noqa: PLC0415

        leaving()
        try:
            answer = self._client.send_email(
                FromEmailAddress=sender,
                Destination={"ToAddresses": [to]},
                Content={"Raw": {"Data": data}},
            )
        except boto.ClientError as error:
            raise self._refusal(error.response) from None
        except (boto.ReadTimeoutError, boto.ConnectionClosedError, boto.ResponseStreamingError) as error:
            raise Undecided(f"{self._name}: {told(str(error))}") from None
        except boto.SSLError as error:
            raise NotTaken(f"{self._name}: {told(str(error))}", is_final=True, is_of_all=True) from None
        except (boto.EndpointConnectionError, boto.ConnectTimeoutError) as error:
            raise NotTaken(f"{self._name}: {told(str(error))}", is_of_all=True) from None
        except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ParamValidationError) as error:
            raise NotTaken(f"{self._name}: {told(str(error))}", is_final=True, is_of_all=True) from None
        except boto.BotoCoreError as error:
            raise Undecided(f"{self._name}: {told(str(error))}") from None
        return told(f"SES {answer['MessageId']}")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _refusal(self, response: dict[str, Any]) -> NotTaken | Undecided:
        code = str(response.get("Error", {}).get("Code", "unknown"))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        reason = told(f"{status} {code}: {response.get('Error', {}).get('Message', '')}")
        if code in _TRANSIENT or status in {429, 503}:
            return NotTaken(reason)
        if status >= 500:  # it may have failed before or after it took the mail
            return Undecided(reason)
        return NotTaken(reason, is_final=True, is_of_all=code in _OF_ALL)


def _ses_client(ses: Ses) -> Any:
    import boto3  # noqa: PLC0415  (a fifth of a second that SMTP need not wait for)
    from botocore import exceptions as boto  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(  # a try of boto3's own could be a second mail
        retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=10, read_timeout=60
    )
    try:
        return boto3.session.Session().client(
            "sesv2", region_name=ses.region, endpoint_url=ses.endpoint_url, config=config
        )
    except (boto.NoRegionError, boto.ProfileNotFound, boto.ConfigParseError, ValueError) as error:
        raise ConfigError(
            f"SES cannot be reached: {error} Correct [delivery.ses] or the environment."
        ) from None
