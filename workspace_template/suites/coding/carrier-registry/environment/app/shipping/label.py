"""What is printed on a parcel."""


def check_digit(number):
    """Return the digit that brings the weighted sum of a number's digits to a multiple of ten."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(str(number))))
    return -total % 10


def label(carrier, parcel, number):
    """Return the lines of a label."""
    if carrier == "post":
        code = f"{number:08}{check_digit(number)}"
        return [f"POST {code}", f"{parcel.country} {parcel.weight} g"]
    if carrier == "swift":
        total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(str(number))))
        code = f"SW{number}{-total % 10}"
        return [code, "x".join(str(size) for size in parcel.sizes), f"to {parcel.country}", "EXPRESS"]
    if carrier == "bulk":
        return [f"BULK/{number}", f"{-(-parcel.weight // 1_000)} kg"]
    raise ValueError(f"there is no carrier {carrier!r}")
