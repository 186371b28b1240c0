"""Stages that build the shipped model bundle; `tools/build_model.py` runs them in order."""
