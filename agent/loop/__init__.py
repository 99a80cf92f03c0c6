"""The unattended run: lifecycle, store, budget, selection of parents."""
