"""Who gets which room."""


def assign(bookings):
    """Return the room of each booking, in the order of the bookings; rooms are numbered from 0.

    Bookings get their rooms in the order of their start, those with the same start in the order in which they stand.
    Each gets the room with the smallest number that is free for all of its time.
    """
    taken, rooms = {}, [0] * len(bookings)
    for place in sorted(range(len(bookings)), key=lambda place: bookings[place][0]):
        start, _ = bookings[place]
        room = 0
        while not all(bookings[other][1] <= start for other in taken.get(room, [])):
            room += 1
        taken.setdefault(room, []).append(place)
        rooms[place] = room
    return rooms
