"""Tests; see CONTRIBUTING.md for what stands where."""
