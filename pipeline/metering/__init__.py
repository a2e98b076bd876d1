"""Which export counts where several speak of the same traffic, and what time it covers."""
