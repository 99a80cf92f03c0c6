"""Where a parcel can be looked up."""

from shipping.label import check_digit


def link(carrier, number):
    """Return the address at which a parcel can be followed, or None when the carrier has none."""
    if carrier == "post":
        return f"https://post.example/t/{number:08}{check_digit(number)}"
    if carrier == "swift":
        return f"https://swift.example/?n=SW{number}{check_digit(number)}"
    if carrier == "bulk":
        return None
    raise ValueError(f"there is no carrier {carrier!r}")
