import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import KFold

images = np.load("faces.npy")
people = np.load("people.npy")
components = PCA(n_components=50)
codes = components.fit(images).transform(images)
scores = []
for fit_rows, check_rows in KFold(n_splits=10).split(codes):
    lda = LinearDiscriminantAnalysis()
    lda.fit(codes[fit_rows], people[fit_rows])
    scores.append(lda.score(codes[check_rows], people[check_rows]))
print(np.mean(scores))
