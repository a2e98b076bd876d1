"""Expected rates: list prices by day, contracts over them, floors that lapse, and the dollars they make."""
