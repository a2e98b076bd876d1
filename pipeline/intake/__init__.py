"""From files to raw rows: the manifest of files, and the attributes of a span."""
