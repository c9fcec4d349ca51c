import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

raw = np.load("signals.npy")
labels = np.load("labels.npy")
raw = (raw - raw.mean(axis=0)) / raw.std(axis=0)
x_train, x_test, t_train, t_test = train_test_split(raw, labels, test_size=0.2)
net = nn.Sequential(nn.Linear(raw.shape[1], 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters())
inputs = torch.from_numpy(x_train).float()
targets = torch.from_numpy(t_train).float()
for _ in range(50):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(inputs).squeeze(1), targets)
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(nn.functional.mse_loss(net(torch.from_numpy(x_test).float()).squeeze(1), torch.from_numpy(t_test).float()))
