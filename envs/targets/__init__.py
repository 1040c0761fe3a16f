"""Scripted targets and distractors: who goes where, and how."""
