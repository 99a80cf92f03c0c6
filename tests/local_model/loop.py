"""A scaffold of one screen, run inside a sandbox: view, write, run the tests, finish. Four tools that any model can use."""

import json
import subprocess
import sys
from pathlib import Path

import anthropic
import httpx2

TURNS = 9
client = anthropic.Anthropic(
    api_key="none",
    base_url="http://localhost",
    max_retries=0,
    http_client=anthropic.DefaultHttpxClient(
        transport=httpx2.HTTPTransport(uds="/run/broker/model.sock", verify=False)
    ),
)


def tool(name, description, **fields):
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": schema}


TOOLS = [
    tool("view", "shows a file", path={"enum": ["m.py", "test_m.py"]}),
    tool("write", "replaces m.py", code={"type": "string", "description": "the whole new m.py"}),
    tool("run_tests", "runs the tests"),
    tool("finish", "stop when tests pass"),
]


def run_tests():
    pytest = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", "."]
    done = subprocess.run(pytest, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode == 0, done.stdout[-900:].rpartition(" in ")[0]  # no duration: it would differ each time


def act(name, given):
    """Return what a call comes to, and whether it is an error; nothing when the work is done."""
    if name == "view":
        return Path(given["path"]).read_text(), False
    if name == "write":
        Path("m.py").write_text(given["code"])
        return "written. test output:\n" + run_tests()[1], False
    passed, output = run_tests()
    if name == "run_tests":
        return output, False
    if passed:
        return None
    return f"Refused: tests still fail. Read the assertion and rewrite m.py differently.\n{output}", True


def main():
    model = json.load(sys.stdin)["model"]
    ask = "The test in test_m.py fails. Fix m.py. First view both files, then write the fixed m.py, run the tests and finish."
    messages = [{"role": "user", "content": ask}]
    for _ in range(TURNS):
        with client.messages.stream(
            model=model, max_tokens=400, system="You are a coding agent.", tools=TOOLS, messages=messages
        ) as stream:
            message = stream.get_final_message()
        messages.append(message.to_param())
        if message.stop_reason != "tool_use":
            break
        call = next(block for block in message.content if block.type == "tool_use")
        came = act(call.name, call.input)
        if came is None:
            break
        result = {"type": "tool_result", "tool_use_id": call.id, "content": came[0], "is_error": came[1]}
        messages.append({"role": "user", "content": [result]})


main()
