"""Simulated worlds, one module per instrument; each gives ``(data, truth)`` and says what it stands in for."""
