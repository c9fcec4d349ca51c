"""Rules about values that are used before anybody has them, though what they tell of has already happened."""
