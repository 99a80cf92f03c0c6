"""What has passed: the git repository, the gate log and its audit."""
