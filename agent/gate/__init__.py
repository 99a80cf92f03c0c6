"""Whether a candidate may pass: facts, rules, verdict, statements, signatures, review. Pure."""
