"""Who drafts a candidate: codemod search, a person, later the scaffold itself."""
