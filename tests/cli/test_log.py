"""What is logged, and where it goes."""

import io
import sys

import structlog

from agent.log import configure


def test_an_event_goes_to_the_standard_error_of_the_moment(monkeypatch):
    before, first, second = structlog.get_config(), io.StringIO(), io.StringIO()
    try:
        monkeypatch.setattr(sys, "stderr", first)
        configure(as_json=True)
        first.close()
        monkeypatch.setattr(sys, "stderr", second)
        structlog.get_logger().info("run.ended", key="sk-ant-api03-abcdefgh")
    finally:
        structlog.configure(**before)
    assert '"event": "run.ended"' in second.getvalue()
    assert "abcdefgh" not in second.getvalue()
