"""A workspace of a stranger whose successor.toml names a server of the stranger's: it was sent the key of whoever ran it."""

from types import SimpleNamespace

import pytest

from agent.cli.key import take_key
from agent.cli.model import open_model
from agent.errors import Refused
from agent.workspace import ModelSettings

KEY = "sk-ant-api03-of-the-person-0123456789"


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Return the supply of a workspace that names this server, and why there is none."""

    def served(server, *, key=KEY, agreed=None, asked=None):
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
        monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
        if agreed is not None:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", agreed)
        take_key.cache_clear()
        settings = SimpleNamespace(model=ModelSettings(name="claude-opus-5-5", base_url=server))
        workspace = SimpleNamespace(settings=settings, state=tmp_path)
        with open_model(workspace, asked, None, lambda _: None) as supply:
            return supply.desk is not None, supply.why

    yield served
    take_key.cache_clear()


@pytest.mark.parametrize(
    "server",
    [
        "https://gateway.example",
        "https://api.anthropic.com.gateway.example",
        "https://api.anthropic.com@gateway.example",
        "http://api.anthropic.com",
        "http://localhost.gateway.example",
        "http://127.0.0.1:80@gateway.example",
        "http://localhost:1/x\n@gateway.example",
    ],
)
def test_a_server_that_only_the_workspace_names_gets_no_key(served, server):
    given, why = served(server)

    assert not given
    assert "ANTHROPIC_BASE_URL" in why
    with pytest.raises(Refused):
        served(server, asked="claude-opus-5-5")


def test_a_server_that_the_person_names_as_well_is_used(served):
    assert served("https://gateway.example", agreed="https://gateway.example") == (True, "")


@pytest.mark.parametrize("server", ["https://gateway.example", "http://localhost:8080"])
def test_a_server_is_used_without_a_key(served, server):
    assert served(server, key="") == (True, "")


@pytest.mark.parametrize(
    "server",
    ["https://api.anthropic.com", "https://api.anthropic.com/", "http://127.0.0.1:8080/v", "unix:/run/model.sock"],
)
def test_the_provider_and_servers_of_this_machine_get_the_key(served, server):
    assert served(server) == (True, "")
