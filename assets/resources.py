"""What the assets are given: the configuration. What opens the warehouse or a file is below, in pipeline/."""

from pathlib import Path

import dagster as dg

from assets.close import load_settings
from pipeline import settings
from pipeline.settings import Settings


class Configuration(dg.ConfigurableResource):
    """Where `tallystick.toml` lies; read when a step runs, so that the graph loads without it."""

    path: str | None = None
    """Without it, TALLYSTICK_CONFIG, else the file in the working directory."""

    def settings(self) -> Settings:
        """Return the settings as the command line would read them; raises ConfigError."""
        return settings.load(Path(self.path)) if self.path else load_settings()
