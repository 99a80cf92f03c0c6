#!/bin/bash
# Run the tests and write the reward: 1 when all of them pass, else 0.
mkdir -p /logs/verifier
if python -m pytest -q -x -p no:cacheprovider /tests/test_outputs.py; then
    echo 1 > /logs/verifier/reward.txt
else
    echo 0 > /logs/verifier/reward.txt
fi
