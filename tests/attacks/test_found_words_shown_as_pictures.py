"""A diff with `:heart:` in it was shown with a heart: people saw another text than the one that they sign."""

import pytest

from agent.cli.meter import metered
from agent.cli.speak import Voice, plain, visible

TEXT = 'x = table[:on:] + ":heart:" # :zero::one:'


@pytest.mark.parametrize("way", ["as it is", "in a line with markup", "as a step", "as progress"])
def test_a_name_between_colons_is_shown_as_it_stands(capsys, way):
    voice = Voice(as_json=False)
    if way == "as it is":
        voice.out.print(visible(TEXT), markup=False)
    elif way == "in a line with markup":
        voice.out.print(f"[bold]{plain(TEXT)}[/bold]")
    elif way == "as a step":
        voice.step(TEXT)
    else:
        with metered(voice, 1) as meter:
            meter.say(TEXT)

    assert TEXT in "".join(capsys.readouterr())
