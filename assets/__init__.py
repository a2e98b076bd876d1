"""When things run: the command line, the steps of a close, and the Dagster graph."""
