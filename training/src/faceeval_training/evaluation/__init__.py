"""Verification of pairs and classification of identities."""
