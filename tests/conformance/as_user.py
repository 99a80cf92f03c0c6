"""Run requests in bubblewrap sandboxes as the user this process has: a JSON request a line in, an outcome a line out.

Started by `walls.py` under the system's Python, which has nothing installed: this also shows that the bubblewrap wall
needs nothing but the standard library.
"""

import base64
import json
import sys
from pathlib import Path

from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.contract import Command, Limits, Mount

backend = BubblewrapBackend(Path(sys.argv[1]))
for line in sys.stdin:
    asked = json.loads(line)
    command = Command(tuple(asked["argv"]), asked["deadline"], base64.b64decode(asked["stdin"]), asked["env"])
    mounts = tuple(Mount(Path(source), target) for source, target in asked["mounts"])
    with backend.start(mounts, Limits(**asked["limits"]), asked["role"]) as sandbox:
        outcome = sandbox.run(command)
    answer = {
        "ending": outcome.ending,
        "exit_code": outcome.exit_code,
        "stdout": base64.b64encode(outcome.stdout).decode(),
        "stderr": base64.b64encode(outcome.stderr).decode(),
        "seconds": outcome.seconds,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
