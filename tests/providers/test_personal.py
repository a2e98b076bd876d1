"""Ids of people are told apart and never kept."""

import hashlib
import os
import subprocess
import sys

from pipeline.parsing.personal import hashed


def in_a_process(key: str | None) -> str:
    code = "from pipeline.parsing.personal import hashed; print(hashed({'user_id': 'jane'}, 'user_id'))"
    environment = {name: value for name, value in os.environ.items() if name != "TALLYSTICK_HASH_KEY"}
    if key:
        environment["TALLYSTICK_HASH_KEY"] = key
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_ids_of_one_export_are_told_apart() -> None:
    jane, john = hashed({"user_id": "jane"}, "user_id"), hashed({"user_id": "john"}, "user_id")
    assert jane != john
    assert jane == hashed({"user_id": "jane"}, "user_id")
    assert hashed({}, "user_id") is None


def test_the_same_key_gives_the_same_hash_and_another_key_another_one() -> None:
    assert in_a_process("one") == in_a_process("one")
    assert in_a_process("one") != in_a_process("two")


def test_without_a_key_nobody_can_try_names() -> None:
    assert in_a_process(None) != in_a_process(None)
    assert in_a_process(None) != hashlib.sha256(b"jane").hexdigest()[:12]
