"""Tallystick's speed beside a baseline of the same data on the same machine: `tallystick bench`."""
