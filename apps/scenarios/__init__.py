"""The stories, a file each. `apps/scenario.py` has the words; CONTRIBUTING.md shows how to tell another."""
