"""Which pages are visited most, and by whom."""


def ranking(visits):
    """Return [page, number of visits it is in, number of addresses that had it], by these numbers, greatest first.

    Pages with equal numbers stay in the order in which they were first seen. A page counts once for each visit.
    """
    pages = []
    for visit in visits:
        for page in visit["pages"]:
            if page not in pages:
                pages.append(page)
    table = []
    for page in pages:
        having = [visit for visit in visits if page in visit["pages"]]
        addresses = []
        for visit in having:
            if visit["address"] not in addresses:
                addresses.append(visit["address"])
        table.append([page, len(having), len(addresses)])
    return sorted(table, key=lambda row: (-row[1], -row[2]))


def longest(visits, count):
    """Return the `count` visits that lasted longest, the earlier one first among equals."""
    rest, best = list(visits), []
    while rest and len(best) < count:
        most = max(rest, key=lambda visit: visit["last"] - visit["first"])
        rest.remove(most)
        best.append(most)
    return best
