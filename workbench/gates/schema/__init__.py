"""Rules about tables that are not what the contract says."""
