"""What several contracts are made of: a month, and token counts in disjoint leaves."""

import pandera.polars as pa
import polars as pl

from schemas.types import Tokens, column, maybe


class Closed(pa.DataFrameModel):
    """No extra column, no silent cast."""

    class Config:
        """Contracts are closed."""

        strict = True
        coerce = False


class Monthly(Closed):
    """Every row belongs to one month."""

    month: str = column("Month as YYYY-MM.", str_matches=r"^\d{4}-\d{2}$")


class Placed(Monthly):
    """Every row stands in a file."""

    file_id: str = column("File of the line.")
    line: pl.Int64 = column("Line of the file.")
    position: pl.Int64 = column("Position within that line.")


class Leaves(Closed):
    """Token counts in disjoint leaves; null where unknown."""

    input_uncached_tokens: Tokens = maybe("Input neither read from nor written to a cache.", ge=0)
    cache_read_tokens: Tokens = maybe("Input read from the prompt cache.", ge=0)
    cache_write_5m_tokens: Tokens = maybe("Input written to the cache for five minutes.", ge=0)
    cache_write_1h_tokens: Tokens = maybe("Input written to the cache for one hour.", ge=0)
    cache_write_other_tokens: Tokens = maybe("Input written to the cache for another or unknown time.", ge=0)
    output_tokens: Tokens = maybe("Output, reasoning included.", ge=0)
    input_audio_tokens: Tokens = maybe("Audio input.", ge=0)
    output_audio_tokens: Tokens = maybe("Audio output.", ge=0)
    input_image_tokens: Tokens = maybe("Image input.", ge=0)
    output_image_tokens: Tokens = maybe("Image output.", ge=0)
