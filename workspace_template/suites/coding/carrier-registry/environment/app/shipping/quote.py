"""What it costs to send a parcel, in cents, and how long it takes."""


def accepts(carrier, parcel):
    """Return whether a carrier takes a parcel."""
    if carrier == "post":
        return parcel.weight <= 10_000 and max(parcel.sizes) <= 120
    if carrier == "swift":
        return parcel.weight <= 31_500 and parcel.girth <= 300
    if carrier == "bulk":
        return parcel.weight >= 5_000 and parcel.country == "DE"
    raise ValueError(f"there is no carrier {carrier!r}")


def price(carrier, parcel):
    """Return the price of a parcel that the carrier takes."""
    if carrier == "post":
        for limit, cents in [(500, 270), (2_000, 499), (5_000, 699), (10_000, 1049)]:
            if parcel.weight <= limit:
                break
        return cents if parcel.country == "DE" else cents * 2 + 150
    if carrier == "swift":
        weight = max(parcel.weight, parcel.volume // 5)
        for limit, cents in [(1_000, 590), (5_000, 890), (31_500, 1890)]:
            if weight <= limit:
                break
        return cents + (0 if parcel.country == "DE" else 1200)
    if carrier == "bulk":
        return 900 + -(-parcel.weight // 1_000) * 35
    raise ValueError(f"there is no carrier {carrier!r}")


def days(carrier, parcel):
    """Return after how many days a parcel arrives."""
    if carrier == "post":
        return 2 if parcel.country == "DE" else 7
    if carrier == "swift":
        return 1 if parcel.country == "DE" else 2
    if carrier == "bulk":
        return 5
    raise ValueError(f"there is no carrier {carrier!r}")


def quote(carrier, parcel):
    """Return {"carrier", "cents", "days"}, or None when the carrier does not take the parcel."""
    if not accepts(carrier, parcel):
        return None
    return {"carrier": carrier, "cents": price(carrier, parcel), "days": days(carrier, parcel)}


def cheapest(parcel, within=None):
    """Return the quote with the least cents, or None; `within` is the most days it may take.

    Among equals the quicker one, then the first by name.
    """
    quotes = [quote(carrier, parcel) for carrier in ("bulk", "post", "swift")]
    fitting = [one for one in quotes if one and (within is None or one["days"] <= within)]
    return min(fitting, key=lambda one: (one["cents"], one["days"], one["carrier"]), default=None)
