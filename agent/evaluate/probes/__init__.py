"""Checks for deception. Each gives facts; the policy decides."""
