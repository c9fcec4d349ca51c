"""Mutants: pipelines with exactly one planted leak each, and for each a clean twin that looks alike.

A pattern (`patterns/`) says what is planted into which base pipeline (`bases/`), a base is a complete honest workspace with named
slots, and the catalogue puts both together. The corpus tests and `benchmarks/leak_recall.py` run them. Nothing here looks
for leaks, and nothing here was chosen by what the gates find: a leak is a leak by the contract of its workspace.
"""
