"""A call goes the whole way: the real SDK, the socket, the broker, a strict server, and back."""

from tests.broker.conftest import MODEL
from tests.broker.scripted import Say, text

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def test_a_message_is_created(given):
    world = given(Say([text("hello yourself")]))

    message = world.client().messages.create(**ASK)

    assert (message.content[0].text, message.stop_reason, message.usage.input_tokens) == (
        "hello yourself",
        "end_turn",
        10,
    )


def test_a_message_is_streamed(given):
    world = given(Say([text("hello yourself")]))

    with world.client().messages.stream(**ASK) as stream:
        said = "".join(stream.text_stream)

    assert (said, stream.get_final_message().stop_reason) == ("hello yourself", "end_turn")


def test_tokens_are_counted(given):
    world = given(counted=42)

    assert world.client().messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens == 42
