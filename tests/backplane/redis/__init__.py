"""The backplane on real Redis servers, which the tests start."""
