"""Lists of contacts, each a dict with `name`, `mail` and perhaps `tags`, a list."""


def key(contact):
    """Return what makes two contacts the same: the mail address, whatever its case and the spaces around it."""
    return contact["mail"].strip().lower()


def unique(contacts):
    """Return the contacts without those that came before under the same address."""
    kept = []
    for contact in contacts:
        if key(contact) not in [key(other) for other in kept]:
            kept.append(contact)
    return kept


def added(old, new):
    """Return the contacts of `new`, each once, whose address is not in `old`."""
    return [contact for contact in unique(new) if key(contact) not in [key(other) for other in old]]
