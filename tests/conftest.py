"""What all tests share: the demand that tests of a wall really ran, who runs which, and the cache of runtimes."""

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


STAY_TOGETHER = ("tests/journeys/", "tests/packaging/")
WALLS = ("docker", "bubblewrap")


def place_of(nodeid: str) -> str:
    """Where a test belongs: with those behind the same wall that share what takes minutes to make, or by itself."""
    folder = next((folder for folder in STAY_TOGETHER if nodeid.startswith(folder)), None)
    if folder is None:
        return nodeid
    parameters = nodeid.partition("[")[2]
    return " ".join([folder, *(wall for wall in WALLS if wall in parameters)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal tests out one by one, those that share with each other to one worker, and these first.

    The groups of pytest-xdist 3.8 do nothing under pytest 9.2, which no longer reads the ID that xdist writes them to.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Dealt(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return place_of(nodeid)

    return Dealt(config, log)


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where prepared runtimes are kept between runs: the same place that the command line uses by default."""
    default = Path("/var/cache/successor") if os.geteuid() == 0 else Path.home() / ".cache" / "successor"
    return Path(os.environ.get("SUCCESSOR_CACHE", default))
