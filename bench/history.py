"""Histories of any length, made by code: real keys, real signatures, the shipped template and the shipped law.

Only the measurements are invented: each candidate's facts are the good document of the law with other numbers. Every
tenth candidate is rejected by a person; every seventh successor leaves the newest line and starts from one before it.
Nothing is written that `successor` would not have written, so that an audit finds nothing.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.candidate import Evidence
from agent.cli.init import template
from agent.digest import sha256
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.gate.dossier import Case, Dossier, assemble, policies_of
from agent.gate.facts import Facts, facts_from
from agent.gate.review import Decision, new_nonce, sign_review
from agent.gate.rules import Bundle, load_bundle
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, TrustRoot, new_root
from agent.gate.verdict import Memory, judge
from agent.lineage.gate_log import (
    CHECKPOINT_FILE,
    FRONTIER_FILE,
    ROOT_FILE,
    Head,
    LogEntry,
    entry_files,
    first_head,
    genesis_bundle,
    log_tree,
)
from agent.lineage.log_folders import LogFolders
from agent.lineage.objects import NewObjects, gate_commit
from agent.lineage.trailers import Trailers, write_message
from bench.packs import PackWriter
