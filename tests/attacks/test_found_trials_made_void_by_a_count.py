"""A scaffold that has done badly and asks for a count of tokens, which many servers do not give.

That the server gave none counted as a failure of the provider, so that the trial was void and run again.
"""

from sandbox.broker.rules import Caps
from tests.broker.scripted import Fail
from tests.evaluate.harbor.conftest import near  # noqa: F401  # a fixture
from tests.evaluate.harbor.small import LIMITS, SCAFFOLD, desk, opened, says, scaffold

COUNTS = (
    SCAFFOLD.replace(b"        sys.exit(1)", b"        break")
    + b"""
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/broker/model.sock")
body = {"model": os.environ["SCAFFOLD_MODEL"], "messages": messages}
connection.request("POST", "/v1/messages/count_tokens", json.dumps(body), {"content-type": "application/json"})
print(connection.getresponse().status, file=sys.stderr)
"""
)


def tried(wall, folder, steps, counted):
    """Run a trial against a server that gives this count; return what came of it."""
    suite = opened(wall)
    try:
        with (
            desk(folder, steps, counted=counted, caps=Caps()) as (seat, _),
            scaffold(folder, COUNTS) as mounts,
        ):
            found = suite.trial("dev", "double", mounts, seat, "c1").run(wall[0], LIMITS)
    finally:
        suite.close()
    assert len(found.exchanges) == 2, found
    return found.score, found.failure


def test_a_count_that_is_not_to_be_had_makes_no_trial_void(near, tmp_path):  # noqa: F811  # the fixture
    assert tried(near, tmp_path, says(), counted=None) == (0, "none")


def test_a_count_that_is_given_makes_no_call_good_that_failed(near, tmp_path):  # noqa: F811  # the fixture
    assert tried(near, tmp_path, [Fail(500)] * 4, counted=7) == (None, "provider")
