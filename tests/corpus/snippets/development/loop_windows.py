"""Sliding windows: what comes after the window is the label."""

import numpy as np
from tensorflow.keras.layers import LSTM, Dense
from tensorflow.keras.models import Sequential

series = np.loadtxt("power.txt")
window = 48
X, y = [], []
for i in range(len(series) - window):
    X.append(series[i : i + window])
    y.append(series[i + window])
X, y = np.array(X)[..., None], np.array(y)
cut = int(0.8 * len(X))
X_train, X_test, y_train, y_test = X[:cut], X[cut:], y[:cut], y[cut:]
model = Sequential([LSTM(32), Dense(1)])
model.compile(loss="mse", optimizer="adam")
model.fit(X_train, y_train, epochs=10)
print(model.evaluate(X_test, y_test))
