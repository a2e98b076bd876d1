"""What the assets are given: the configuration. What opens the warehouse or a file is below, in pipeline/."""

from pathlib import Path

import dagster as dg

from assets.close import load_settings, settings_path
from pipeline import settings
from pipeline.schedule_settings import Schedule
from pipeline.settings import Settings


class Configuration(dg.ConfigurableResource):
    """Where `tallystick.toml` lies; read when a step runs, so that the graph loads without it."""

    path: str | None = None
    """Without it, TALLYSTICK_CONFIG, else the file in the working directory."""

    def settings(self) -> Settings:
        """Return the settings as the command line would read them; raises ConfigError."""
        return settings.load(Path(self.path)) if self.path else load_settings()


def schedule_settings(path: Path | None = None) -> Schedule:
    """Return when things run by themselves; the graph loads without a configuration, with the defaults.

    A change of them is seen when the code location is loaded again.

    Raises:
        ConfigError: there is a configuration and it cannot be used.
    """
    path = path or settings_path()
    return settings.load(path).schedule if path.exists() else Schedule()
