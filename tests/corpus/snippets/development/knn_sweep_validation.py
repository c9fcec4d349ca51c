from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X, y = load_wine(return_X_y=True)
X_rest, X_te, y_rest, y_te = train_test_split(X, y, random_state=0)
X_tr, X_val, y_tr, y_val = train_test_split(X_rest, y_rest, random_state=0)
best, best_k = 0.0, None
for k in range(1, 30):
    accuracy = KNeighborsClassifier(n_neighbors=k).fit(X_tr, y_tr).score(X_val, y_val)
    if accuracy > best:
        best, best_k = accuracy, k
final = KNeighborsClassifier(n_neighbors=best_k).fit(X_rest, y_rest)
print("accuracy", final.score(X_te, y_te))
