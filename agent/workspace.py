"""A workspace: a git repository with `successor.toml`, and the rules of that file as one frozen value."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.errors import BadSettings, NoWorkspace

SETTINGS_FILE = "successor.toml"
STATE_FOLDER = ".successor"
MOST_DOTS = 256
"""In one line of a settings file."""
MOST_SEED = 2**63 - 1
"""What the store can keep."""

Zone = Literal["mind", "kept", "unknown"]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    """Frozen and strict; an unknown key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Zones(_Section):
    """Which paths a candidate may change. A path that no pattern names is `unknown`, and unknown denies."""

    mind: list[str]
    kept: list[str]

    @field_validator("mind", "kept")
    @classmethod
    def _known_forms(cls, patterns: list[str]) -> list[str]:
        """A pattern is an exact path or a folder followed by `/**`; nothing cleverer, so that nothing surprises."""
        for pattern in patterns:
            if any(c in pattern.removesuffix("/**") for c in "*?[\\") or pattern.startswith(("/", "../")):
                raise ValueError(f"{pattern!r} is neither an exact path nor a folder with /**")
        return patterns

    def zone(self, path: str) -> Zone:
        """Return the zone of a path. `kept` wins over `mind`; letter case never changes the answer towards `mind`."""
        if any(_matches(path.casefold(), pattern.casefold()) for pattern in self.kept):
            return "kept"
        return "mind" if any(_matches(path, pattern) for pattern in self.mind) else "unknown"


class TestSettings(_Section):
    """Where the workspace's tests live and how long one run may take."""

    __test__ = False  # not a pytest class

    kept: str = "tests/kept"
    scaffold: str = "tests/scaffold"
    graded: Literal["apart", "together"] = "apart"
    """Where kept tests run. `apart`: in a sandbox without the scaffold, which they reach through `config.solver`.
    `together`: in the scaffold's own, as tests do that import it; then a scaffold can forge what they report."""
    deadline_seconds: Positive = 120


class SandboxSettings(_Section):
    """Which wall, and how much one sandbox may use."""

    backend: Literal["auto", "docker", "bubblewrap"] = "auto"
    runtime: Annotated[str, Field(pattern=r"^([a-zA-Z0-9][a-zA-Z0-9_.-]{0,63})?$")] = ""
    """A runtime of the Docker engine with a kernel of its own, by name (`runsc`, `kata`); empty for its default."""
    memory_mib: Positive = 1024
    cpus: Positive = 1
    processes: Positive = 128
    work_mib: Positive = 128


class SuiteSettings(_Section):
    """One benchmark suite: the name of its file in `suites/`, and whether its gain is what the search is after."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    objective: bool = False
    optional: bool = False
    """Whether it is left out, by name, where the model that it needs is not to be had; else nothing runs there."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> SuiteSettings:
        if self.objective and self.optional:
            raise ValueError("what a search is after cannot be left out: objective or optional, not both")
        if self.name == "frozen":
            raise ValueError("suites/frozen.toml is the frozen set, not a suite")
        return self


class Budget(_Section):
    """What one run may spend. The run that reaches a limit ends as `budget_exhausted`, not as a crash."""

    trials: Positive = 60_000
    """Trials (one task run once) that a run may pay for."""
    seconds: Positive = 3_600
    search_trials: Positive = 15_000
    """Development trials that a proposer may ask for to find one candidate."""


class HeldoutSettings(_Section):
    """How often the held-out tasks of an objective may be looked at. Each look teaches the next candidates a little."""

    looks: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Candidates that may be shown to them, over all runs, until there are new tasks. Their tests share one error."""


class Price(_Section):
    """US dollars for a million tokens. The cache's prices are those of input where they are not named."""

    input: NotNegative
    output: NotNegative
    cache_write: NotNegative | None = None
    cache_read: NotNegative | None = None


class ModelBudget(_Section):
    """The most that may be spent on a model, in US dollars; no number, no bound but the others."""

    call: NotNegative | None = None
    candidate: NotNegative | None = None
    """To propose a candidate, and to evaluate it, each."""
    run: NotNegative | None = None
    day: NotNegative | None = None


class TokenBudget(_Section):
    """The same in tokens, each counted once, whatever it costs: all the bound there is where a model costs nothing."""

    call: Count | None = None
    candidate: Count | None = None
    run: Count | None = None
    day: Count | None = None


class ModelSettings(_Section):
    """The model that a scaffold is given, through the broker."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")]
    base_url: Annotated[str, Field(pattern=r"^(https?://|unix:/)")] = "https://api.anthropic.com"
    """Any server of the Messages API."""
    max_tokens: Positive = 16_000
    """The most that one call may ask for."""
    price: Price | None = None
    """Where the shipped table does not know the model, or another price holds."""
    budget_usd: ModelBudget = ModelBudget(candidate=5.0, run=5.0, day=20.0)
    budget_tokens: TokenBudget = TokenBudget()


class MonitorSettings(ModelSettings):
    """A second model that reads each change which people would be asked about, and tells them how suspicious it is.

    It must be another one than the proposer's, and is reached with another key.
    """

    threshold: Annotated[int, Field(ge=0, le=100)] = 50
    """The suspicion, of 100, above which people are told."""


class Pace(_Section):
    """Limits of speed, because speed is part of the risk."""

    max_pending_reviews: Positive = 3
    max_generations_per_day: Positive = 10
    max_changed_lines_since_deep_review: Positive = 2_000
    """Beyond it, each candidate's review begins with a finding that says so."""


class ReviewSettings(_Section):
    """How many people must sign, and for how long an open review stays open."""

    approvals: Positive = 1
    expires_hours: Positive = 168


class Settings(_Section):
    """The whole of `successor.toml`."""

    schema_: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    objective: str
    autonomy: Literal["manual", "assisted", "unattended"] = "assisted"
    seed: Annotated[int, Field(ge=-MOST_SEED, le=MOST_SEED)] = 0
    zones: Zones
    tests: TestSettings = TestSettings()
    sandbox: SandboxSettings = SandboxSettings()
    suites: list[SuiteSettings]
    model: ModelSettings | None = None
    monitor: MonitorSettings | None = None
    budget: Budget = Budget()
    heldout: HeldoutSettings = HeldoutSettings()
    pace: Pace = Pace()
    review: ReviewSettings = ReviewSettings()

    @model_validator(mode="after")
    def _nobody_watches_itself(self) -> Settings:
        if self.model is not None and self.monitor is not None and self.model.name == self.monitor.name:
            raise ValueError("monitor.name: the model that proposes cannot be its own monitor; name another one")
        return self


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises `ValueError` or `RecursionError`.

    A key of many parts costs the parser their square: a file of 100 kB takes all memory there is.
    """
    if any(line.count(".") > MOST_DOTS for line in text.split("\n")):
        raise ValueError("a line of it has too many dots")
    return tomllib.loads(text)


def parse_settings(content: bytes, *, origin: str = SETTINGS_FILE) -> Settings:
    """Parse the bytes of `successor.toml`; raise `BadSettings` with the place and the reason."""
    try:
        return Settings.model_validate(read_toml(content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise BadSettings(f"{origin} is not UTF-8", why=str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{origin} is not valid TOML", why=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise BadSettings(f"{origin}: {place}", why=first["msg"]) from error
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{origin} cannot be read", why="it is nested too deep or holds what is too long") from error


def find_workspace(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds `successor.toml`."""
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise NoWorkspace(
        f"no workspace at {start}",
        why=f"neither it nor a folder above it holds {SETTINGS_FILE}",
        mend="Make one with: successor init DIR",
    )


def zones_of(paths: Iterable[str], zones: Zones) -> dict[str, Zone]:
    """Map each path to its zone."""
    return {path: zones.zone(path) for path in paths}


@lru_cache(maxsize=4096)
def _matches(path: str, pattern: str) -> bool:
    if pattern.endswith("/**"):
        return PurePosixPath(pattern.removesuffix("/**")) in PurePosixPath(path).parents
    return path == pattern
