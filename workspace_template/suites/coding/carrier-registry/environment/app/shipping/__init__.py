"""Sending parcels: prices, labels, tracking."""
