"""A published month on S3: a reader sees one whole month or another, never parts of two.

S3 changes one object at a time. So the files of a month go below a folder that is named by their content,
where nothing is ever replaced by something else. Two small objects that point there are written last, each
whole in itself: `latest.json` for programs, `index.html` for people.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.storage import write_object

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".eml": "message/rfc822",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".txt": "text/plain; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_POINTER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{month}</title>
<meta http-equiv="refresh" content="0; url={folder}/index.html"></head>
<body><p><a href="{folder}/index.html">The report of {month}</a></p></body></html>
"""


def copy_month(folder: Path, names: Sequence[str], to: str, close_id: str, endpoint_url: str | None) -> str:
    """Copy the files of a published month below `to` and return where its first page is found.

    The same files give the same objects with the same bytes. What earlier closes wrote stays.

    Raises:
        StorageError: S3 does not take them; what was there before is what readers see.
    """
    month, place = folder.name, f"{to.rstrip('/')}/{folder.name}"
    files = [
        {"name": name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name in sorted(names)
        for data in [(folder / name).read_bytes()]
    ]
    content = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    for name in sorted(names):
        path = folder / name
        write_object(
            f"{place}/{content}/{name}",
            path.read_bytes(),
            _TYPES.get(path.suffix, "application/octet-stream"),
            endpoint_url,
        )
    latest = {"month": month, "close_id": close_id, "folder": f"{content}/", "files": files}
    text = json.dumps(latest, indent=1) + "\n"
    write_object(f"{place}/latest.json", text.encode(), _TYPES[".json"], endpoint_url)
    pointer = _POINTER.format(month=month, folder=content)
    write_object(f"{place}/index.html", pointer.encode(), _TYPES[".html"], endpoint_url)
    return f"{place}/index.html"
