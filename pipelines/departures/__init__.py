"""Use case departures: mean departure delay per airport and hour, 24 h ahead; facts in `contract.toml`, words in `README.md`."""
