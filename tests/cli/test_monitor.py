"""Who reads the changes, if anybody: a model of the workspace's choice, reached with a key that is not the proposer's."""

import os
from types import SimpleNamespace

import pytest

from agent.cli.key import take_key
from agent.cli.model import open_monitor
from agent.errors import BadSettings, Misuse
from agent.workspace import parse_settings
from tests.evaluate.world import SETTINGS

NAMED = b'\n[monitor]\nname = "claude-haiku-5-5"\nthreshold = 40\n'


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Open the monitor of a workspace with this in its settings; return whether there is one, and what was said."""

    def opened(more=NAMED, key="sk-monitor", model_key="sk-proposer", **environment):
        given = {"SUCCESSOR_MONITOR_KEY": key, "ANTHROPIC_API_KEY": model_key, **environment}
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        take_key.cache_clear()
        workspace = SimpleNamespace(settings=parse_settings(SETTINGS + more), state=tmp_path)
        said = []
        with open_monitor(workspace, said.append) as monitor:
            return monitor, said

    yield opened
    take_key.cache_clear()


def test_without_a_word_of_it_in_the_settings_there_is_none_and_nothing_is_said(opened):
    assert opened(b"") == (None, [])


def test_with_a_key_of_its_own_there_is_one_and_the_key_is_in_the_environment_no_more(opened):
    monitor, said = opened()

    assert (monitor.name, monitor.blocking, said) == ("model_monitor", False, [])
    assert not {"SUCCESSOR_MONITOR_KEY", "ANTHROPIC_API_KEY"} & os.environ.keys()


def test_without_a_key_it_is_said_that_nobody_reads_the_changes(opened):
    assert opened(key="") == (None, ["no monitor reads the changes: SUCCESSOR_MONITOR_KEY is not set"])


def test_a_server_that_only_the_workspace_names_gets_no_key(opened):
    elsewhere = NAMED + b'base_url = "https://gateway.example"\n'
    monitor, (said,) = opened(elsewhere)

    assert monitor is None
    assert "SUCCESSOR_MONITOR_BASE_URL" in said
    assert opened(elsewhere, SUCCESSOR_MONITOR_BASE_URL="https://gateway.example")[0] is not None


def test_the_key_of_the_proposer_is_no_key_for_its_monitor(opened):
    with pytest.raises(Misuse, match="hold the same key"):
        opened(model_key="sk-monitor")


def test_no_model_is_its_own_monitor():
    with pytest.raises(BadSettings, match="cannot be its own monitor"):
        parse_settings(SETTINGS + b'\n[model]\nname = "claude-haiku-5-5"\n' + NAMED)


def test_a_model_whose_price_nobody_knows_is_not_asked(opened):
    with pytest.raises(BadSettings, match="price"):
        opened(b'\n[monitor]\nname = "somebody-else-1"\n')
