"""Places and their files: what a source offers, and its bytes as stored."""

import hashlib
import io
from pathlib import Path

from pipeline.folders import list_folder
from pipeline.stored import Listing, StoredFile


def list_files(root: Path, uri: str) -> Listing:
    """Return the files of a source; a uri that matches nothing gives an empty listing."""
    return list_folder(root, uri)


def open_stored(file: StoredFile | Path, start: int = 0) -> io.BufferedReader:
    """Open a file's stored bytes for reading, from an offset on; the caller closes it."""
    path = file if isinstance(file, Path) else file.path
    if path is None:
        raise FileNotFoundError(f"{file} lies nowhere")
    opened = path.open("rb")
    opened.seek(start)
    return opened


def hash_file(file: StoredFile | Path) -> str:
    """Return the SHA-256 of a file's bytes as stored, in hex."""
    with open_stored(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
