"""What all tests share: the demand that tests of a wall really ran, and the cache of prepared runtimes."""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--require",
        default="",
        help="comma-separated markers; a test so marked that is skipped fails the run (CI: docker,bubblewrap)",
    )


class Required:
    """Fails the run when a test with a required marker was skipped, or when there was none at all."""

    def __init__(self, markers: set[str]) -> None:
        self.markers = markers
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report):
        wanted = self.markers & set(report.keywords)
        if report.skipped and wanted and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session):
        if self.skipped and not hasattr(session.config, "workerinput"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for nodeid in self.skipped:
            terminalreporter.write_line(f"REQUIRED BUT SKIPPED {nodeid}", red=True)


def pytest_configure(config):
    markers = {name for name in config.getoption("--require").split(",") if name}
    if markers:
        config.pluginmanager.register(Required(markers), "required-markers")


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where prepared runtimes are kept between runs: the same place that the command line uses by default."""
    default = Path("/var/cache/successor") if os.geteuid() == 0 else Path.home() / ".cache" / "successor"
    return Path(os.environ.get("SUCCESSOR_CACHE", default))
