"""The `resplit` skill: splits that train on what was not known, or test what was trained on."""
