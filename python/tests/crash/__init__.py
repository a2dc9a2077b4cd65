"""Crash rounds: real programs of both languages, what befalls them at random moments, and a ledger of what came of it.
See CONTRIBUTING.md, *Crash rounds*."""
