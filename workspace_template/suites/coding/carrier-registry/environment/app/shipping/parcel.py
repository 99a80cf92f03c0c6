"""What is sent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Parcel:
    """Weight in grams, sizes in centimetres, and the country it goes to, by its two letters."""

    weight: int
    sizes: tuple
    country: str = "DE"

    @property
    def volume(self):
        """Cubic centimetres."""
        length, width, height = self.sizes
        return length * width * height

    @property
    def girth(self):
        """The longest size and once around the parcel, as the trade reckons."""
        longest, *others = sorted(self.sizes, reverse=True)
        return longest + 2 * sum(others)
