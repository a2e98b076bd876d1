"""What is logged: for people by default, one JSON object a line with TALLYSTICK_LOG=json."""

import json
import logging
import os
from datetime import UTC, datetime

from rich.console import Console
from rich.logging import RichHandler


def is_json() -> bool:
    """Whether a machine reads what is logged."""
    return os.environ.get("TALLYSTICK_LOG", "").lower() == "json"


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and the error where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON on one line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def configure(console: Console) -> None:
    """Send what is logged to the standard error."""
    handler: logging.Handler
    if is_json():
        handler, level = logging.StreamHandler(), logging.INFO
        handler.setFormatter(JsonLines())
        logging.getLogger("botocore").setLevel(logging.WARNING)
    else:
        handler, level = RichHandler(console=console, show_path=False), logging.WARNING
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
