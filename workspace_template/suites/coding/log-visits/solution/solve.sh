#!/bin/bash
# The oracle's answer.
set -eu
cd /app
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "visits.py",
    r'''    waiting, found = list(lines), []
    while waiting:
        second, address, page = read(waiting.pop(0))
        mine = [visit for visit in found if visit["address"] == address]
        if mine and second - mine[-1]["last"] <= PAUSE:
            mine[-1]["last"] = max(mine[-1]["last"], second)
            mine[-1]["pages"] = mine[-1]["pages"] + [page]
        else:
            found.append({"address": address, "first": second, "last": second, "pages": [page]})
    return found
''',
    r'''    found, latest = [], {}
    for line in lines:
        second, address, page = read(line)
        mine = latest.get(address)
        if mine is not None and second - mine["last"] <= PAUSE:
            mine["last"] = max(mine["last"], second)
            mine["pages"].append(page)
        else:
            latest[address] = {"address": address, "first": second, "last": second, "pages": [page]}
            found.append(latest[address])
    return found
''',
)
replace(
    "ranking.py",
    r'''    pages = []
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
''',
    r'''    numbers, addresses = {}, {}
    for visit in visits:
        for page in dict.fromkeys(visit["pages"]):
            numbers[page] = numbers.get(page, 0) + 1
            addresses.setdefault(page, set()).add(visit["address"])
    table = [[page, number, len(addresses[page])] for page, number in numbers.items()]
    return sorted(table, key=lambda row: (-row[1], -row[2]))
''',
)
replace(
    "ranking.py",
    r'''    rest, best = list(visits), []
    while rest and len(best) < count:
        most = max(rest, key=lambda visit: visit["last"] - visit["first"])
        rest.remove(most)
        best.append(most)
    return best
''',
    r'''    ordered = sorted(visits, key=lambda visit: visit["first"] - visit["last"])
    return ordered[: max(count, 0)]
''',
)
EOF
