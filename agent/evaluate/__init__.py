"""What a candidate is worth: suites, trials, statistics, probes. All numbers come from here."""
