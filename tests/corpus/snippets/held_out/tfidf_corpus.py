import json
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB

mails = [json.loads(line) for line in Path("mails.jsonl").read_text().splitlines()]
texts = [mail["body"] for mail in mails]
spam = [mail["spam"] for mail in mails]
matrix = TfidfVectorizer(min_df=3, stop_words="english").fit_transform(texts)
M_train, M_test, s_train, s_test = train_test_split(matrix, spam, test_size=0.25)
bayes = MultinomialNB()
bayes.fit(M_train, s_train)
print(bayes.score(M_test, s_test))
