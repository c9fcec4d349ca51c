"""Rules about latency, memory and cost."""
