"""All carriers side by side."""

from shipping.quote import quote
from shipping.track import link

TITLES = {"bulk": "Bulk", "post": "Post", "swift": "Swift"}


def table(parcel, number):
    """Return a line for each carrier, by name: title, price and days or `-`, and whether the parcel can be followed."""
    lines = []
    for carrier in sorted(TITLES):
        found = quote(carrier, parcel)
        offer = f"{found['cents'] // 100}.{found['cents'] % 100:02} {found['days']}d" if found else "-"
        lines.append(f"{TITLES[carrier]}: {offer}{' tracked' if link(carrier, number) else ''}")
    return lines
