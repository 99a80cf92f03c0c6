"""The kinds of mutation: each module looks at the spots of a mind and yields what could be changed there."""
