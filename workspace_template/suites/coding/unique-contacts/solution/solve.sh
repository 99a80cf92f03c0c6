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
    "contacts.py",
    r'''    kept = []
    for contact in contacts:
        if key(contact) not in [key(other) for other in kept]:
            kept.append(contact)
    return kept
''',
    r'''    kept = {}
    for contact in contacts:
        kept.setdefault(key(contact), contact)
    return list(kept.values())
''',
)
replace(
    "contacts.py",
    r'''    return [contact for contact in unique(new) if key(contact) not in [key(other) for other in old]]
''',
    r'''    known = {key(contact) for contact in old}
    return [contact for contact in unique(new) if key(contact) not in known]
''',
)
EOF
