"""One select per file; the file's path is the table's name."""
