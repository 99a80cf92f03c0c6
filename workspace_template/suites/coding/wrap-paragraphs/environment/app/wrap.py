"""Breaking text into lines."""


def wrap(text, width):
    """Return the lines of `text`, each at most `width` characters long, as a list.

    Words are separated by any white space and joined by single spaces; each line holds as many words as fit. A word that
    is longer than `width` begins a line of its own and is cut into pieces of `width` characters; the next words follow
    behind its last piece where they fit. No words give no lines. A width below 1 raises ValueError.
    """
    lines = []
    line = ""
    for word in text.split(" "):
        if len(line) + len(word) < width:
            line += " " + word
        else:
            lines.append(line)
            line = word
    return lines
