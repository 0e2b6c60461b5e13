"""The rules that ``tools/check_notebooks.py`` applies to a chapter, one small function each, grouped by subject.

A rule takes a :class:`~notebook_rules.reading.Chapter` and yields ``(cell, message)`` pairs; its name is its label.
"""
