import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import KFold

images = np.load("faces.npy")
people = np.load("people.npy")
scores = []
for fit_rows, check_rows in KFold(n_splits=10).split(images):
    components = PCA(n_components=50).fit(images[fit_rows])
    lda = LinearDiscriminantAnalysis()
    lda.fit(components.transform(images[fit_rows]), people[fit_rows])
    scores.append(lda.score(components.transform(images[check_rows]), people[check_rows]))
print(np.mean(scores))
