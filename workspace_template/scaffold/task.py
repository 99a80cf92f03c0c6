"""One task: what the model is told at first, and the parts that work on it."""

import sys
from pathlib import Path

from scaffold.agent import Agent, Limits, Result
from scaffold.context import pack
from scaffold.folder import Folder
from scaffold.model import Model, connect
from scaffold.tools import Tools
from scaffold.wording import prompt

MOST_CONTEXT = 8_000
"""Characters of source that are shown with the task, before anything is asked for."""


def solve(instruction: str, root: Path, model: str, socket: str, limits: Limits) -> tuple[Result, bool]:
    """Work on a task in a folder; return what became of it, and whether the model ever answered."""
    folder = Folder(root)
    tools = Tools(folder)
    asked = Model(connect(socket), model, prompt("system"), tools.definitions)
    agent = Agent(asked, tools, limits, lambda line: print(line, file=sys.stderr, flush=True))
    return agent.run(opening(instruction, folder)), asked.answered


def opening(instruction: str, folder: Folder) -> str:
    """Return the task with the files of the folder, and those in full or in part that it seems to be about."""
    shown = "".join(item.text for item in pack(folder.sources(), instruction, MOST_CONTEXT, limit=8))
    return prompt("task", instruction=instruction, listing=folder.listing(), context=shown or "(nothing was found)")
